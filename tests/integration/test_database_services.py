"""Databases beside a build: a real PostgreSQL and a real Valkey as services, asked by real stages."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

from builder_process import hub_and_builder, open_folder, scenario
from container_images import IMAGE, POSTGRESQL, VALKEY, import_images
from hub_stand_in import payload
from hubwright.wire import ServiceWish
from servers import once, url_of

READY = "pg_isready -q -h 127.0.0.1 -U postgres"
ASK = "psql -X -v ON_ERROR_STOP=1 -At -h db -U postgres"
CACHE_READY = 'printf "AUTH $VALKEY_PASSWORD\\r\\nPING\\r\\n" | nc -w 2 127.0.0.1 6379 | grep -q PONG'
COUNT = "AUTH other\\r\\nINCR n\\r\\nINCR n\\r\\n"
CACHE = 'exec valkey-server --save "" --dir /tmp --protected-mode no --requirepass "$VALKEY_PASSWORD"'


def docker_with_databases() -> str:
    """The daemon's address; the images are made once for the whole test run."""
    host = url_of("docker")
    once("databases", lambda: import_images(["docker", "-H", host], [POSTGRESQL, VALKEY]))
    return host


def test_stages_of_a_recipe_talk_to_the_databases_beside_them() -> None:
    """The whole way from `.hubwright.yml`: passwords by env, waited for by a command, reached without the network.

    A table that one stage makes is there for the next; a wrong password is refused, so the right one counts. With
    `--service-root` the images start as root, as most images of databases want, and give that up by themselves.
    """
    recipe: dict[str, Any] = {
        "image": POSTGRESQL,
        "network": False,
        "services": {
            "db": {"image": POSTGRESQL, "env": {"POSTGRES_PASSWORD": "pass 'word\" $x"}, "ready": READY},
            "cache": {
                "image": VALKEY, "env": {"VALKEY_PASSWORD": "other"}, "command": CACHE, "ready": CACHE_READY,
            },
        },
        "env": {"PGPASSWORD": "pass 'word\" $x"},
        "stages": [
            {
                "fill": f"if PGPASSWORD=wrong {ASK} -c 'select 1'; then exit 1; fi\n"
                f"{ASK} -c 'create table t (n int)' -c 'insert into t select generate_series(1, 1000)'"
            },
            {"ask": f"{ASK} -c 'select sum(n), current_user from t'"},
            {"cache": {"image": IMAGE, "run": f"printf '{COUNT}' | nc -w 2 cache 6379"}},
        ],
    }  # fmt: skip
    with open_folder() as folder:
        (folder / ".hubwright.yml").write_text(json.dumps(recipe))
        done = subprocess.run(
            [sys.executable, "-m", "hubwright", "run", "-C", str(folder), "--service-root",
             "--docker-host", docker_with_databases()],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "password authentication failed" in done.stdout
    assert "500500|postgres\n" in done.stdout
    assert done.stdout.splitlines()[-3:] == ["+OK", ":1", ":2"]
    assert "Service db is ready." in done.stderr
    assert "Service cache is ready." in done.stderr


@scenario
async def test_a_database_as_the_runs_own_user() -> None:
    """What a builder does unless told otherwise: the server has the run's user number, whatever the image says.

    A database without its password never gets ready: the run is an error, not the code's failure, and its log has what
    the database said.
    """
    host = await asyncio.to_thread(docker_with_databases)
    options = ("--executor", "container", "--docker-host", host, "--pull", "never")
    with open_folder() as folder:
        async with hub_and_builder(folder, *options) as (hub, _):
            db = ServiceWish(name="db", image=POSTGRESQL, env={"POSTGRES_PASSWORD": "secret"}, ready=READY)
            who = f"{ASK} -c 'show data_directory' -c \"copy (select 1) to program 'id -u >&2; id -u > /tmp/who'\""
            read = f"{who} -c \"select 'user ' || trim(pg_read_file('/tmp/who'))\""
            stage = {
                "name": "ask",
                "image": POSTGRESQL,
                "network": False,
                "run": f"PGPASSWORD=secret; export PGPASSWORD; {read}",
            }
            told = await hub.build(payload(stage, services=(db,)))
            result = await hub.result(told, 60)
            assert (result.result, result.detail) == ("success", ""), bytes(told.log).decode()
            user = int(bytes(told.log).partition(b"\nuser ")[2].split()[0])
            assert user not in {0, 999}

            silent = ServiceWish(name="db", image=POSTGRESQL, ready=READY)
            told = await hub.build(payload({"name": "a", "image": IMAGE, "run": "true"}, services=(silent,)), run=2)
            result = await hub.result(told, 60)
            assert result.result == "error"
            assert result.detail == "The service db ended with exit code 2."
            assert b"db: /bin/entrypoint: line 3: POSTGRES_PASSWORD: is not set" in told.log
