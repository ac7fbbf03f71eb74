"""A hub with a Redis address, as programs of systems 1 and 2 meet it: real processes, a plain client, real Valkey."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

import httpx2
import redis

import servers
from fake_github import FakeGitHub
from hub_process import PROGRAM, HubProcess, Make
from separate_builder import new_token
from waiting import until

SLOW = {".hubwright.yml": "stages:\n- build: for i in 1 2 3 4; do echo line $i; sleep 0.3; done\n"}


def test_a_push_is_read_in_redis_and_heard_while_it_builds(
    github: FakeGitHub, make: Make, folder: Path, valkey_url: str
) -> None:
    """Keys, live output and heartbeats; all of it again after Redis was emptied, and by command while the hub runs."""
    prefix = f"t{servers.next_number('prefix')}:"
    settings = {"REDIS_URL": valkey_url, "REDIS__PREFIX": prefix}
    repository = make(SLOW)
    job = f"{prefix}job_{repository.full_name}"
    with (
        HubProcess(folder, github=github, settings=settings) as hub,
        closing(redis.Redis.from_url(valkey_url, decode_responses=True)) as client,
        closing(client.pubsub(ignore_subscribe_messages=True)) as ear,
    ):
        ear.psubscribe(f"{prefix}*")
        hub.deliver("push", repository.push_payload())
        (build,) = hub.finished(repository)
        heard: list[tuple[str, dict[str, object]]] = []

        def listen() -> bool:
            while (message := ear.get_message(timeout=0.1)) is not None:
                heard.append((message["channel"], json.loads(message["data"])))
            kinds = {(channel, told["type"], told.get("kind")) for channel, told in heard}
            return {(f"{job}_1", "fact", "BuildFinished"), (f"{prefix}hubwright:facts", "heartbeat", None)} <= kinds

        until(listen, what="the build's end and a heartbeat on the channels")
        output = [str(told["text"]) for channel, told in heard if channel == f"{job}_1" and told["type"] == "log"]
        assert "".join(output).encode() == hub.log(build["runs"][0]["id"])
        assert len(output) > 1
        until(lambda: json.loads(client.get(f"{job}_1") or "{}").get("result") == "success", what="the build's key")
        assert client.lrange(f"{prefix}commits", 0, -1) == [repository.head()]
        owner = repository.full_name.partition("/")[0]
        tree = [f"{prefix}folder_{owner}"]  # the tree is compared on its own, later than builds on a busy machine
        until(lambda: client.lrange(f"{prefix}jobs", 0, -1) == tree, what="the job's folder")

        info = hub.get("info")
        assert info["redis"] == {
            "address": valkey_url,
            "host": "127.0.0.1",
            "port": int(valkey_url.split(":")[2].split("/", maxsplit=1)[0]),
            "prefix": prefix,
        }
        assert {"hubwright", "wire", "python", "sqlite"} <= set(info["modules"])
        reader = httpx2.get(f"{hub.url}/api/v1/info", trust_env=False).json()
        assert "redis" not in reader
        assert (reader["limits"]["page"], reader["time"][-1]) == (200, "Z")
        builder = {"Authorization": f"Bearer {new_token(hub, 'bot')}"}
        assert httpx2.get(f"{hub.url}/api/v1/info", headers=builder, trust_env=False).json()["redis"] == info["redis"]

        client.flushdb()
        until(lambda: client.exists(f"{prefix}hubwright:mark"), what="Redis to be filled again")
        client.set(f"{prefix}job_nobody", "{}")
        done = subprocess.run(
            [*PROGRAM, "redis", "rebuild"], env=hub.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, "1 stale key" in done.stderr) == (0, True), done.stderr
        assert client.exists(f"{job}_1", f"{prefix}job_nobody") == 1
