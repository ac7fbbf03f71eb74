"""Tokens and figures on both databases."""

from __future__ import annotations

from hubwright.domain.github_budget import Ask, Figures
from hubwright.hub.github_sharing import DatabaseGate
from hubwright.reports.metrics import Metrics
from hubwright.store import schema, tokens
from hubwright.store.database import Database
from served import NOW, Rows


def test_tokens_are_found_until_they_end(database: Database) -> None:
    """By age or by order; a login is used up by the first who brings it."""
    plaintext = database.write(
        lambda connection: tokens.keep_token(connection, "s", name="ci", role="write", now=NOW, expires=NOW + 10)
    )
    login = database.write(
        lambda connection: tokens.keep_login(connection, "l", role="admin", now=NOW, expires=NOW + 10)
    )
    with database.reading() as connection:
        found = tokens.find_token(connection, plaintext, NOW)
        assert found is not None
        assert (found.name, found.role, found.kind, found.expires_at) == ("ci", "write", "token", NOW + 10)
        assert tokens.find_token(connection, plaintext, NOW + 11) is None
        assert tokens.find_token(connection, plaintext + "x", NOW) is None
        assert tokens.find_token(connection, login, NOW) is None
    used = [database.write(lambda connection: tokens.use_login(connection, login, NOW + 1)) for _ in range(2)]
    assert used[0] is not None
    assert (used[0].role, used[0].kind, used[1]) == ("admin", "login", None)
    assert database.write(lambda connection: tokens.revoke_token(connection, found.id, NOW))
    with database.reading() as connection:
        assert tokens.find_token(connection, plaintext, NOW) is None
        assert [token.kind for token in tokens.load_tokens(connection)] == ["login", "token"]


def test_figures_are_read(database: Database) -> None:
    """The same on both databases; the facts that follow are counted on."""
    rows = Rows(database)
    rows.keep_job()
    rows.keep_build(1, state="finished", result="success")
    gate = DatabaseGate(database, clock=lambda: NOW)
    gate.note("installation 7", Figures(limit=5000, remaining=4321, reset_at=NOW + 60))
    gate.enter("installation 7", Ask())
    metrics = Metrics(database, "0.1.0", lambda: NOW)
    assert b'hubwright_builds_finished_total{result="success"} 1.0' in metrics.render()
    rows.keep(schema.fact, {"kind": "BuildFinished", "at": NOW, "data": {"result": "success"}})
    text = metrics.render()
    assert b'hubwright_builds_finished_total{result="success"} 2.0' in text
    assert b'hubwright_github_requests_remaining{credential="installation 7"} 4320.0' in text
    assert b'hubwright_github_pause_seconds{credential="installation 7"} 0.0' in text
