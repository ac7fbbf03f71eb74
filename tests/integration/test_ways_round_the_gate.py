"""What a stranger tries instead of a good token: other addresses to be sent to, other names in the body, old states."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from door_requests import FOLDER, INSIDE, OUTSIDE, Side, form_address, seed
from door_rules import rule_of
from hubwright.store.tokens import keep_token
from hubwright.web.audit import READS
from hubwright.web.flows import SECONDS
from quiet_hub import Door, WholeHub, open_whole_hub

EVIL = ("//evil.example/", "https://evil.example/", "/\\evil.example", "/%0d%0aX-Evil:%201", "/\r\nX-Evil: 1")
ASKED_BY = ("next", "back", "url", "to", "return_to", "redirect_uri", "target", "path", "place", "branch", "q")
LIES = {
    "X-HTTP-Method-Override": "GET", "X-Original-URL": f"/jobs/{INSIDE.path}", "X-Rewrite-URL": f"/jobs/{INSIDE.path}",
    "X-Forwarded-User": "admin", "X-Remote-User": "admin", "X-Forwarded-Host": "evil.example",
    "X-Forwarded-For": "127.0.0.1",
}  # fmt: skip


class Clock:
    """The time that the doors go by."""

    now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[WholeHub]:
    login = {"oauth_client_id": "c", "oauth_client_secret": "s", "login_repository": "octo/hello"}
    flags = {f"github.{name}": value for name, value in login.items()}
    with open_whole_hub(tmp_path_factory.mktemp("hub"), clock, **flags) as opened:
        seed(opened)
        yield opened


def bearer(hub: WholeHub, role: str, folders: list[str] | None = None) -> dict[str, str]:
    def keep(connection: Any) -> str:
        return keep_token(connection, f"{role}{folders}{time.time()}", name=role, role=role, now=1.0, folders=folders)

    return {"Authorization": f"Bearer {hub.hub.site.database.write(keep)}"}


def changing(hub: WholeHub) -> list[Door]:
    """The doors of one thing, through which things are changed; for whom some are not there."""
    found = []
    for door in hub.doors():
        rule = rule_of(door)
        if door.method not in (*READS, "WS") and rule is not None and rule.needs == "write" and rule.finds == "of":
            found.append(door)
    return found


def naming(side: Side) -> list[dict[str, Any]]:
    """Bodies that name what is on that side, a field each, and one with all of them."""
    job = ("path", "job", "folder", "parent", "copy_of", "scope")
    number = ("id", "build_id", "run_id", "job_id", "build", "run")
    whole: dict[str, Any] = dict.fromkeys(job, side.path) | dict.fromkeys(number, side.number)
    whole |= {"repository": f"octo/r{side.number}", "role": "admin", "folders": None}
    return [*({name: value} for name, value in whole.items()), whole]


def rows_of(hub: WholeHub, side: Side) -> list[Any]:
    """What is kept of that side."""
    queries = ("job WHERE id", "build WHERE id", "run WHERE id", "fact WHERE job_id", "known_failure WHERE id")
    with hub.hub.site.database.reading() as connection:
        found = [connection.exec_driver_sql(f"SELECT * FROM {query} = {side.number}").all() for query in queries]
        secrets = connection.exec_driver_sql("SELECT count(*) FROM secret").all()
    return [*found, secrets]


@pytest.mark.parametrize("evil", EVIL)
def test_no_door_sends_anybody_to_another_site(hub: WholeHub, evil: str) -> None:
    """S34: Buildbot and Concourse did, by `redirect_uri` and by line breaks in it (CVE-2019-7313, CVE-2018-15798)."""
    headers = bearer(hub, "admin") | LIES
    asked = "&".join(f"{name}={quote(evil, safe='%')}" for name in ASKED_BY)
    for door in hub.doors():
        if door.method != "GET" or "stream" in door.path or "events" in door.path:
            continue
        address = form_address(door, INSIDE)
        answer = hub.client.get(f"{address}{'&' if '?' in address else '?'}{asked}", headers=headers)
        place = urlsplit(answer.headers.get("location", ""))
        assert place.netloc in {"", "github.com", "127.0.0.1:8010"}, f"{door.name}: {answer.headers['location']}"
        assert "x-evil" not in answer.headers, door.name


def test_a_line_break_in_a_path_is_no_header(hub: WholeHub) -> None:
    """S34: names in addresses come back in `Location`, in names of files and in cookies."""
    headers = bearer(hub, "admin") | {"Origin": hub.url}
    evil = "a%0d%0aX-Evil:%201%0d%0a"
    for door in hub.doors():
        if "{" not in door.path or door.method not in {"GET", "POST"} or "stream" in door.path:
            continue
        address = form_address(door, INSIDE).replace(INSIDE.path, evil).replace("octo", evil).replace("99999", evil)
        answer = hub.client.request(door.method, address, headers=headers)
        assert "x-evil" not in answer.headers, door.name
        assert answer.status_code < 500 or answer.status_code == 502, f"{door.name}: {answer.status_code}"


def test_what_is_asked_for_stands_in_the_address_alone(hub: WholeHub) -> None:
    """S36: no field and no header makes a hidden thing ours (CVE-2022-31683: the pipeline was taken from the body)."""
    below, doors = bearer(hub, "write", [FOLDER]), changing(hub)
    assert len(doors) > 15
    before = rows_of(hub, OUTSIDE)
    for door in doors:
        for body in naming(INSIDE):
            answer = hub.client.request(door.method, form_address(door, OUTSIDE), json=body, headers=below | LIES)
            assert answer.status_code == 404, f"{door.name} with {body}: {answer.status_code}"
    for door in doors:
        for body in naming(OUTSIDE):
            answer = hub.client.request(door.method, form_address(door, INSIDE), json=body, headers=below | LIES)
            assert answer.status_code < 500 or answer.status_code == 502, f"{door.name} with {body}: {answer.text}"
    assert rows_of(hub, OUTSIDE) == before


def test_no_field_raises_a_role(hub: WholeHub) -> None:
    """S36: who may read changes nothing, whatever the body says of who they are."""
    reads = bearer(hub, "read")
    for door in changing(hub):
        for body in ({"role": "admin"}, {"by": "admin", "user": "admin", "token": "admin", "is_admin": True}):
            answer = hub.client.request(door.method, form_address(door, INSIDE), json=body, headers=reads | LIES)
            assert answer.status_code == 403, f"{door.name} with {body}: {answer.status_code}"


def test_who_comes_back_from_github_too_late_begins_anew(hub: WholeHub, clock: Clock) -> None:
    """S35: a state that was left lying is worth nothing; GitHub is not even asked."""
    begun = hub.client.get("/login/github")
    hub.client.cookies.clear()
    (state,) = parse_qs(urlsplit(begun.headers["location"]).query)["state"]
    back = f"/login/github/callback?code=abc&state={state}"
    cookie = {"Cookie": begun.headers["set-cookie"].partition(";")[0]}
    clock.now += SECONDS + 1
    late = hub.client.get(back, headers=cookie)
    assert (late.status_code, "begin anew" in late.text) == (403, True)
    clock.now -= SECONDS + 1
    assert hub.client.get(back).status_code == 403  # without the browser's own cookie
    assert hub.client.get(back, headers=cookie).status_code != 403  # so it was the time; GitHub is away here
