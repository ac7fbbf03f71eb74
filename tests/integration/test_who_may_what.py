"""Every door of the hub by every kind of asker, against the table in `data/doors.txt`; and what the audit log says."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any

import orjson
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from door_requests import FOLDER, INSIDE, OUTSIDE, Side, form_address, seed
from door_rules import RULES, TABLE, Rule, rule_of
from hubwright.store.tokens import keep_session, keep_token, revoke_token
from hubwright.web.app import HOOKS
from hubwright.web.audit import READS
from hubwright.web.gate import COOKIE
from hubwright.web.reach import DOORS
from quiet_hub import Door, WholeHub, open_whole_hub

RANKS = ("read", "write", "admin")
NO_TOKEN = ("anonymous", "expired", "revoked")
BACK_FROM_GITHUB = "GET /github/app/created"  # and this did not begin in our browser


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    with open_whole_hub(tmp_path_factory.mktemp("hub")) as opened:
        seed(opened)
        yield opened


@pytest.fixture(scope="module")
def askers(hub: WholeHub) -> dict[str, dict[str, str]]:
    """The headers of each kind of asker."""
    database, now = hub.hub.site.database, time.time()

    def token(role: str, expires: float | None = None, folders: list[str] | None = None) -> str:
        secret = secrets.token_urlsafe(32)
        name = f"{role} below" if folders else role
        return database.write(
            lambda connection: keep_token(
                connection, secret, name=name, role=role, now=now, expires=expires, folders=folders
            )
        )

    gone = token("admin")
    with database.reading() as connection:
        newest = connection.exec_driver_sql("SELECT max(id) FROM token").scalar_one()
    database.write(lambda connection: revoke_token(connection, newest, now))
    plain = {role: token(role) for role in ("read", "write", "admin", "builder", "sql")}
    plain |= {"expired": token("admin", expires=now - 1), "revoked": gone}
    plain |= {f"{role} below": token(role, folders=[FOLDER]) for role in ("read", "write")}
    made = {name: {"Authorization": f"Bearer {text}"} for name, text in plain.items()}
    cookie = database.write(
        lambda connection: keep_session(connection, secrets.token_hex(32), role="admin", now=now, expires=now + 999)
    )
    return made | {"anonymous": {}, "cookie": {"Cookie": f"{COOKIE}={cookie}"}}


def expect(door: Door, rule: Rule, asker: str, side: Side) -> int | None:
    """The status; None where the asker comes in."""
    role, _, below = asker.partition(" ")
    needs, _, also = rule.needs.partition("+")
    if needs == "public" or role == also:
        return None
    if asker in NO_TOKEN:
        return 401
    if below and (rule.finds == "-" or (rule.finds == "of" and side is OUTSIDE)):
        return 404
    if asker == "cookie":
        changes = door.method not in READS and rule.needs != "builder"
        return 403 if changes or rule.needs == "builder" else None
    if rule.needs in {"builder", "sql"} or role in {"builder", "sql"}:
        return None if role == rule.needs or (rule.needs == "sql" and role == "admin") else 403
    return None if RANKS.index(role) >= RANKS.index(needs) else 403


class Knocker:
    """Asks for the status only, on one connection: a whole client for each of thousands costs more than the answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = HTTPConnection(url.removeprefix("http://"), timeout=20)

    def knock(self, method: str, address: str, body: bytes | None, headers: dict[str, str]) -> int:
        self._connection.request(method, address, body, headers)
        answer = self._connection.getresponse()
        if answer.headers.get_content_type() == "text/event-stream":  # it would not end
            self.close()
        answer.read()
        return answer.status

    def close(self) -> None:
        self._connection.close()


def ask(knocker: Knocker, door: Door, headers: dict[str, str], side: Side) -> int:
    address = form_address(door, side)
    if door.method == "WS":
        try:
            with connect(knocker.url.replace("http", "ws") + address, additional_headers=headers, open_timeout=10):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code
    body = None if door.method in READS else b"["  # nothing is done where a body counts
    return knocker.knock(door.method, address, body, headers)


def test_every_door_is_in_the_table(hub: WholeHub) -> None:
    """Who makes a door says here who may come in; and the table names nothing that is gone."""
    doors = hub.doors()
    missing = [door.name for door in doors if rule_of(door) is None]
    assert not missing, f"say in {TABLE.name} who may come in at: {missing}"
    assert set(RULES) - {door.name for door in doors} == {"POST /load/*"}
    assert {"/hooks/github", "/build"} == HOOKS


def test_doors_for_tokens_with_folders_are_doors(hub: WholeHub) -> None:
    """A function that was renamed would silently be shut."""
    names = set()
    for door in hub.doors():
        of = door.endpoint
        names.add(f"{of.__module__.removeprefix('hubwright.web.')}.{of.__qualname__}".replace(".<locals>", ""))
    assert not set(DOORS) - names


def test_every_door_by_every_asker(hub: WholeHub, askers: dict[str, dict[str, str]]) -> None:
    """S36: 401 for strangers, 403 for too little, 404 for what is not there for the asker; and no fault of ours."""
    wrong, changed, known, knocker = [], [], set(), Knocker(hub.url)
    for door in hub.doors():
        rule = rule_of(door)
        assert rule is not None
        if rule.needs == "own":
            continue
        same = (door.method, rule, door.endpoint)  # such as the many addresses of one load
        few = {name: askers[name] for name in ("anonymous", "read below")} if same in known else askers
        known.add(same)
        for asker, headers in few.items():
            for side in (INSIDE, OUTSIDE) if "below" in asker and rule.finds == "of" else (INSIDE,):
                status, expected = ask(knocker, door, headers, side), expect(door, rule, asker, side)
                refused = {401, 403} if door.name != BACK_FROM_GITHUB else {401}
                good = status == expected if expected else status not in refused and (status < 500 or status == 502)
                if door.method == "WS":
                    good = (status == 101) == (expected is None)
                if not good:
                    wrong.append(f"{door.name} by {asker} of {side.path}: {status}, not {expected or 'let in'}")
                if door.method not in (*READS, "WS") and asker not in NO_TOKEN and headers:
                    changed.append((door.method, form_address(door, side).partition("?")[0], asker, status))
    assert not wrong, "\n".join(wrong)
    registering = "/builds/register"  # the one door with a way of its own in that tokens come in at
    changed.append(("POST", registering, "write", knocker.knock("POST", registering, b"[", askers["write"])))
    knocker.close()
    check_audit(hub, changed)


def check_audit(hub: WholeHub, changed: list[tuple[str, str, str, int]]) -> None:
    """Each change that somebody known asked for is in the log, refused ones too; nothing of strangers is."""
    with hub.hub.site.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT method, path, actor, status FROM audit").all()
    noted = {(row.method, row.path, row.actor, row.status) for row in rows}
    wanted = {
        (method, path, {"cookie": "session"}.get(asker, asker), status)
        for method, path, asker, status in changed
        if asker != "builder"
    }
    assert not wanted - noted
    assert not {actor for _, _, actor, _ in noted} & {"anonymous", "builder", ""}
    assert not [row for row in rows if row.method in READS]


def test_what_lies_elsewhere_is_as_if_it_were_not(hub: WholeHub, askers: dict[str, dict[str, str]]) -> None:
    """S37, S38: 404 in the same words for what is hidden and for what there is not; lists show only what lies below."""
    below, all_of_it = askers["read below"], askers["read"]

    def get(path: str, headers: dict[str, str] = below) -> Any:
        return hub.client.get(path, headers=headers).json()

    for path in ("/api/v1/builds/{}", "/api/v1/runs/{}", "/api/v1/runs/{}/log", "/builds/{}"):
        hidden, missing = get(path.format(2)), get(path.format(777))
        assert hidden["detail"].replace("2", "777") == missing["detail"]
    assert [build["job"] for build in get("/api/v1/builds")["items"]] == [INSIDE.path]
    assert get("/api/v1/builds?job=team/other")["items"] == []
    assert len(get("/api/v1/builds", all_of_it)["items"]) == 2
    assert [job["path"] for job in get("/api/v1/jobs")["items"]] == [INSIDE.path]
    assert [job["path"] for job in get(f"/api/v1/jobs/{FOLDER}")["items"]] == [INSIDE.path]
    assert {fact["data"].get("job") for fact in get("/api/v1/facts")["items"]} == {INSIDE.path}
    assert get("/api/v1/ping")["remaining"] < get("/api/v1/ping", all_of_it)["remaining"]
    queue, whole = get("/api/v1/queue"), get("/api/v1/queue", all_of_it)
    assert (
        {one["job"] for one in queue["items"]} <= {INSIDE.path} < {one["job"] for one in whole["items"]} | {INSIDE.path}
    )
    assert (queue["queues"], bool(whole["queues"])) == ([], True)
    for page in ("/", "/jobs", f"/jobs/{FOLDER}", f"/builds/{INSIDE.number}"):
        html = hub.client.get(page, headers=below).text
        assert page == "/" or INSIDE.path in html
        assert OUTSIDE.path not in html
    for topic in ("job:team/other", "build:2", "run:2", "builders", "queue", "builder:x", "job:team"):
        assert hub.client.get(f"/api/v1/events?topic={topic}", headers=below).status_code == 404
    for stream in ("build=2", "run=2"):
        assert hub.client.get(f"/fragments/stream?{stream}", headers=below).status_code == 404


def test_a_watcher_with_folders(hub: WholeHub, askers: dict[str, dict[str, str]]) -> None:
    """Topics elsewhere are not there, the facts of others do not come, and the heartbeat tells nothing of them."""
    with connect(hub.url.replace("http", "ws") + "/api/v1/live", additional_headers=askers["read below"]) as socket:
        beat = orjson.loads(socket.recv(timeout=10))
        assert (beat["type"], "running" in beat, "remaining" in beat) == ("heartbeat", False, False)
        for topic in ("job:team/other", "run:2", "queue", "builders"):
            socket.send(orjson.dumps({"subscribe": [topic]}))
            told = orjson.loads(socket.recv(timeout=10))
            assert (told["type"], told["status"]) == ("error", 404)
        socket.send(orjson.dumps({"subscribe": ["facts", "job:team/sub"], "after": 0}))
        assert orjson.loads(socket.recv(timeout=10))["type"] == "subscribed"
        facts = [orjson.loads(socket.recv(timeout=10))]
        with suppress(TimeoutError):
            while True:
                facts.append(orjson.loads(socket.recv(timeout=0.3)))
        assert {(told["type"], told["data"]["job"]) for told in facts} == {("fact", INSIDE.path)}
