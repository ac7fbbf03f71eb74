"""What is kept of a delivery's headers, on every database: what tells where it came from, never a signature."""

from __future__ import annotations

from sqlalchemy import select

from hubwright.github.webhook import KEPT_HEADERS, MAX_HEADER, read_headers
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from hubwright.store.schema import delivery
from hubwright.store.views_lists import load_deliveries, load_delivery

NOW = 1_790_000_000.0
SENT = {
    "host": "ci.example.org", "x-github-event": "push", "x-github-delivery": "g1", "x-github-hook-id": "292430182",
    "x-github-hook-installation-target-type": "repository", "x-github-hook-installation-target-id": "79929171",
    "user-agent": "GitHub-Hookshot/044aadd", "content-type": "application/json", "x-hub-signature": "sha1=00",
    "x-hub-signature-256": "sha256=00", "authorization": "Bearer x", "cookie": "y",
}  # fmt: skip


def test_headers_are_kept_beside_the_body_and_may_be_none(database: Database) -> None:
    """One statement keeps deliveries with headers and those of our own making, which have none."""
    items = [
        Incoming("g1", "push", "github", b"{}", NOW, read_headers(SENT)),
        Incoming("g2", "push", "compared", b"{}", NOW),
    ]
    first, second = database.write(lambda connection: keep_deliveries(connection, items))
    with database.reading() as connection:
        one, body = load_delivery(connection, first.id)
        listed = {view.id: view.headers for view in load_deliveries(connection).items}
        kept = {row.guid: row.headers for row in connection.execute(select(delivery.c.guid, delivery.c.headers))}

    assert body == b"{}"
    assert one.headers == {
        "X-GitHub-Event": "push", "X-GitHub-Delivery": "g1", "X-GitHub-Hook-ID": "292430182",
        "X-GitHub-Hook-Installation-Target-Type": "repository", "X-GitHub-Hook-Installation-Target-ID": "79929171",
        "User-Agent": "GitHub-Hookshot/044aadd", "Content-Type": "application/json",
    }  # fmt: skip
    assert listed == {first.id: one.headers, second.id: None}
    assert kept["g2"] is None


def test_no_header_keeps_a_delivery_out(database: Database) -> None:
    """What PostgreSQL can't have in JSON, and what has no end, is made harmless instead of being refused."""
    odd = dict.fromkeys(KEPT_HEADERS, "\x00\x1b[2J" + "x" * 5000)
    item = Incoming("g1", "push", "github", b"{}", NOW, read_headers(odd))
    (kept,) = database.write(lambda connection: keep_deliveries(connection, [item]))
    with database.reading() as connection:
        view, _ = load_delivery(connection, kept.id)
    assert view.headers is not None
    assert {len(text) for text in view.headers.values()} == {MAX_HEADER}
    assert all(text.startswith("'\\x00\\x1b[2J") for text in view.headers.values())
