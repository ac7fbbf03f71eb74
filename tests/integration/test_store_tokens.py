"""Tokens on both databases."""

from __future__ import annotations

from hubwright.store import tokens
from hubwright.store.database import Database
from served import NOW


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
