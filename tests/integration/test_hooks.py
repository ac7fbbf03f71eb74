"""The webhook's door as an ASGI app: what it refuses writes nothing, what it accepts is kept."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from hub_parts import rows
from hubwright.domain.figures import WEBHOOKS
from hubwright.hub.delivery_spool import DeliverySpool, read_records
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, read_body
from hubwright.web.hooks import Hooks
from hubwright.web.site import Site
from served import make_site

SECRETS = ("first secret", "second secret")
BODY = b'{"zen":"Keep it logically awesome."}'


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
def site(tmp_path: Path, woken: list[str]) -> Iterator[Site]:
    with make_site(tmp_path, webhook_secrets=SECRETS, wake=woken.append, max_body=1000) as made:
        yield made


def sign(body: bytes, secret: str = SECRETS[0], kind: str = "sha256") -> dict[str, str]:
    name = "x-hub-signature" + ("-256" if kind == "sha256" else "")
    return {name: f"{kind}=" + hmac.new(secret.encode(), body, kind).hexdigest()}


def knock(
    site: Site,
    body: bytes | list[bytes] = BODY,
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    path: str = "/hooks/github",
    cut: bool = False,
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """One request, its body in these pieces; `cut`: the connection ends within it. Status, document, headers."""
    pieces = body if isinstance(body, list) else [body]
    given = sign(b"".join(pieces)) if headers is None else headers
    given = {"x-github-event": "ping", "x-github-delivery": "guid-1", **given}
    messages = [
        {"type": "http.request", "body": piece, "more_body": cut or number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]
    queue = iter([*messages, {"type": "http.disconnect"}])
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return next(queue)

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(key.encode(), value.encode("latin-1")) for key, value in given.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw, "query_string": b""}
    asyncio.run(Hooks(site)(scope, receive, send))
    answered = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return sent[0]["status"], json.loads(sent[1]["body"]), answered


def kept(database: Database) -> list[Any]:
    return rows(database, schema.delivery)


def test_a_signed_delivery_is_kept_and_told(site: Site, woken: list[str]) -> None:
    status, document, _ = knock(site)
    assert (status, document) == (202, {"delivery": "guid-1", "id": 1, "duplicate": False, "pong": True})
    (row,) = kept(site.database)
    assert (row.guid, row.event, row.source, row.state, read_body(row.body)) == (
        "guid-1", "ping", "github", "waiting", BODY,
    )  # fmt: skip
    assert woken == ["deliveries"]


def test_the_same_delivery_again_is_a_duplicate(site: Site) -> None:
    """R9."""
    knock(site)
    for _ in range(4):
        status, document, _ = knock(site)
        assert (status, document["duplicate"], document["id"]) == (202, True, 1)
    assert len(kept(site.database)) == 1


@pytest.mark.parametrize("secret", SECRETS)
def test_each_of_several_secrets_is_valid(site: Site, secret: str) -> None:
    """R27: while one is being replaced by the other."""
    assert knock(site, headers=sign(BODY, secret))[0] == 202


@pytest.mark.parametrize(
    "headers",
    [{}, sign(BODY, "another secret"), sign(BODY, kind="sha1"), sign(BODY + b" "), {"x-hub-signature-256": "sha256="},
     {"x-hub-signature-256": "ü" * 71}, {"x-hub-signature-256": ""}],
)  # fmt: skip
def test_an_unsigned_body_is_refused_and_nothing_is_written(
    site: Site, woken: list[str], headers: dict[str, str]
) -> None:
    """S8: nobody is believed without a secret's word over these very bytes; SHA-1 alone does not count."""
    status, document, answered = knock(site, headers=headers)
    assert (status, document["title"]) == (401, "Bad signature")
    assert answered["content-type"] == "application/problem+json"
    assert kept(site.database) == []
    assert woken == []


def test_without_a_secret_nobody_is_believed_unless_the_hub_is_on_loopback(site: Site) -> None:
    bare = replace(site, webhook_secrets=())
    status, document, _ = knock(bare, headers={})
    assert status == 401
    assert "HUBWRIGHT_GITHUB__WEBHOOK_SECRETS" in document["detail"]
    assert knock(replace(bare, unsigned_webhooks=True), headers={})[0] == 202


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": ', b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 900, b'{"a":' * 150, b"{'a': 1}"]
)
def test_what_is_no_json_object_is_refused(site: Site, body: bytes) -> None:
    status, document, _ = knock(site, body)
    assert (status, document["title"]) == (400, "Malformed request")
    assert kept(site.database) == []


@pytest.mark.parametrize(
    "header",
    [{"x-github-event": ""}, {"x-github-event": "Push!"}, {"x-github-event": "p" * 101},
     {"x-github-delivery": "with a blank"}, {"x-github-delivery": "g" * 201}, {"x-github-delivery": "\x07"}],
)  # fmt: skip
def test_headers_that_name_nothing_are_refused(site: Site, header: dict[str, str]) -> None:
    assert knock(site, headers=sign(BODY) | header)[0] == 400
    assert kept(site.database) == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_post_is_taken(site: Site, method: str) -> None:
    status, document, headers = knock(site, method=method)
    assert (status, headers["allow"], document["status"]) == (405, "POST", 405)
    assert kept(site.database) == []


@pytest.mark.parametrize(
    ("pieces", "length"),
    [([b"x" * 1001], "1001"), ([b"x" * 1001], None), ([b"x" * 400] * 3, None), ([b"x" * 400] * 3, "10"),
     ([b"x"], "9" * 30)],
)  # fmt: skip
def test_a_body_over_the_bound_is_refused_with_and_without_its_length(
    site: Site, pieces: list[bytes], length: str | None
) -> None:
    """A chunked body has none, and a length may lie."""
    headers = sign(b"".join(pieces)) | ({"content-length": length} if length else {})
    status, document, _ = knock(site, pieces, headers)
    assert (status, document["title"]) == (413, "Too large")
    assert kept(site.database) == []


def test_a_body_in_pieces_is_the_same_body(site: Site) -> None:
    assert knock(site, [BODY[:5], b"", BODY[5:]])[0] == 202
    assert read_body(kept(site.database)[0].body) == BODY


def test_a_body_that_breaks_off_is_not_kept(site: Site) -> None:
    assert knock(site, [BODY], cut=True)[0] == 400
    assert kept(site.database) == []


def test_a_form_is_signed_as_sent_and_kept_as_json(site: Site) -> None:
    form = b"payload=" + quote_plus('{"zen": "a+b & c=d \U0001f600"}').encode()
    headers = sign(form) | {"content-type": "application/x-www-form-urlencoded"}
    assert knock(site, form, headers)[0] == 202
    assert json.loads(read_body(kept(site.database)[0].body)) == {"zen": "a+b & c=d \U0001f600"}
    empty = b"other=1"
    headers = sign(empty) | {"content-type": "application/x-www-form-urlencoded"}
    assert knock(site, empty, headers)[0] == 400


def test_the_document_of_2008_names_no_event(site: Site) -> None:
    status, _, _ = knock(site, headers=sign(BODY) | {"x-github-event": ""}, path="/build")
    assert status == 202
    assert (kept(site.database)[0].event, kept(site.database)[0].source) == ("legacy_push", "legacy")


def test_a_delivery_without_an_id_is_known_by_its_body(site: Site) -> None:
    for _ in range(2):
        assert knock(site, headers=sign(BODY) | {"x-github-delivery": ""})[0] == 202
    assert [row.guid for row in kept(site.database)] == ["sha256:" + hashlib.sha256(BODY).hexdigest()]


def test_a_database_that_is_away_is_said_and_nothing_is_promised(site: Site) -> None:
    """R6: 202 only if it is durable."""
    site.database.close()
    status, document, headers = knock(site)
    assert (status, document["status"]) == (503, 503)
    assert int(headers["retry-after"]) > 0


@pytest.fixture
def spooling(site: Site, tmp_path: Path) -> Iterator[Site]:
    spool = DeliverySpool(tmp_path / "spool", 10_000, site.database, site.clock, lambda: None)
    yield replace(site, spool=spool)
    spool.close()


def test_a_database_that_is_away_is_made_up_for_by_the_hubs_disk(
    site: Site, spooling: Site, tmp_path: Path, woken: list[str]
) -> None:
    """R6: GitHub sends once; who is told 202 need not be asked again."""
    site.database.close()
    for number in range(3):
        headers = sign(BODY) | {"x-github-delivery": f"g{number}"}
        status, document, _ = knock(spooling, headers=headers)
        assert (status, document) == (202, {"delivery": f"g{number}", "id": None, "duplicate": False, "pong": True})
    (file,) = (tmp_path / "spool").iterdir()
    assert [one.guid for one in read_records(file)] == ["g0", "g1", "g2"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert woken == ["spool"]


def test_who_signs_wrongly_is_kept_nowhere(site: Site, spooling: Site, tmp_path: Path) -> None:
    """S1: also while the database is away."""
    site.database.close()
    assert knock(spooling, headers=sign(BODY, "another secret"))[0] == 401
    assert not (tmp_path / "spool").exists()


def test_while_some_wait_the_next_ones_wait_behind_them(site: Site, spooling: Site, tmp_path: Path) -> None:
    """The order that GitHub told them in."""
    assert spooling.spool is not None
    spooling.spool.keep(Incoming("first", "push", "github", BODY, 1.0))
    assert knock(spooling)[1]["id"] is None
    spooling.spool.drain()
    assert [row.guid for row in kept(site.database)] == ["first", "guid-1"]
    assert knock(spooling, headers=sign(BODY) | {"x-github-delivery": "last"})[1]["id"] == 3


def test_a_spool_that_is_full_promises_nothing(spooling: Site) -> None:
    spooling.database.close()
    answers = [knock(spooling, headers=sign(BODY) | {"x-github-delivery": f"g{number}"})[0] for number in range(200)]
    assert answers == sorted(answers)
    assert set(answers) == {202, 503}


def test_a_database_that_says_nothing_is_not_waited_for(
    site: Site, spooling: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub hangs up after ten seconds; a frozen server takes longer to be noticed."""
    monkeypatch.setattr("hubwright.web.hooks.PATIENCE", 0.05)
    thawed = threading.Event()
    holding = threading.Thread(target=site.database.write, args=(lambda _: thawed.wait(30),))
    holding.start()
    try:
        assert knock(spooling)[1]["id"] is None
    finally:
        thawed.set()
        holding.join()
    assert spooling.spool is not None
    spooling.spool.drain()
    assert [row.guid for row in kept(site.database)] == ["guid-1"]


def test_many_at_once_are_each_kept_once(site: Site) -> None:
    """R7: fifty and more at the same time."""
    hooks = Hooks(site)
    traffic: list[int] = []
    hooks._on_traffic = traffic.append

    async def one(number: int) -> int:
        sent: list[Any] = []
        headers = {"x-github-event": "push", "x-github-delivery": f"g{number % 60}", **sign(BODY)}
        raw = [(key.encode(), value.encode()) for key, value in headers.items()]

        async def receive() -> Any:
            return {"type": "http.request", "body": BODY, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await hooks({"type": "http", "method": "POST", "path": "/hooks/github", "headers": raw}, receive, send)
        return int(sent[0]["status"])

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(120)))

    assert set(asyncio.run(all_of_them())) == {202}
    assert len(kept(site.database)) == 60
    assert (max(traffic), traffic[-1]) == (120, 0)


def test_each_request_is_counted_by_what_became_of_it(site: Site) -> None:
    """What an operator is woken by: nobody else sees that a secret is wrong."""
    for times in range(3):
        knock(site)
        knock(site, headers=sign(BODY, "wrong") | {"x-github-delivery": f"guid-{times}"})
    knock(site, b"x" * 1001)
    knock(site, method="GET")
    assert site.tally.take() == {
        (WEBHOOKS.name, ("kept",)): 1,
        (WEBHOOKS.name, ("repeated",)): 2,
        (WEBHOOKS.name, ("unsigned",)): 3,
        (WEBHOOKS.name, ("refused",)): 2,
    }
