"""Secrets in the database: sealed, bound to their place, nearest first, rotated; on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from hub_parts import rows
from hubwright.errors import NotFoundError, SettingsError, UnprocessableError
from hubwright.hub import secrets as module
from hubwright.hub.sealing import Keys, make_key
from hubwright.hub.secrets import Handed, Vault
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.secrets import load_key_ids, load_secrets

NOW = 1_790_000_000.0
BY = ("ada", NOW)
OLD, NEW = make_key(), make_key()


def vault(*keys: str, **defaults: str) -> Vault:
    return Vault(lambda: Keys(keys or (OLD,)), defaults)


def put(database: Database, scope: str, name: str, value: str, opened: Vault | None = None) -> bool:
    chosen = opened or vault()
    return database.write(lambda connection: chosen.set(connection, scope, name, value, BY))


def get(database: Database, job: str, *names: str, opened: Vault | None = None) -> Handed:
    with database.reading() as connection:
        return (opened or vault()).hand_out(connection, job, names)


def test_the_nearest_scope_wins(database: Database) -> None:
    """A job before its folders, those before all jobs, these before the settings; a like-named neighbour gives none."""
    for scope in ("", "a", "a/b", "a/b/c", "a/b/cc", "b"):
        assert put(database, scope, f"IN_{len(scope)}", f"value of {scope!r}")
        put(database, scope, "SAME", f"same of {scope!r}")
    given = vault(OLD, SAME="of the settings", ONLY="of the settings")
    handed = get(database, "a/b/c", "SAME", "IN_1", "IN_0", "ONLY", "IN_6", opened=given)
    assert handed.values == {
        "SAME": "same of 'a/b/c'", "IN_1": "value of 'a'", "IN_0": "value of ''", "ONLY": "of the settings",
    }  # fmt: skip
    assert handed.warnings == ("There is no secret IN_6 for a/b/c: `hubwright secret set IN_6 --job a/b/c` sets it.",)
    assert get(database, "a/x", "SAME").values == {"SAME": "same of 'a'"}
    assert get(database, "x", "SAME").values == {"SAME": "same of ''"}


def test_setting_again_changes_it_and_each_change_is_told(database: Database) -> None:
    assert put(database, "a", "TOKEN", "the first value")
    assert not put(database, "a", "TOKEN", "the second value")
    assert get(database, "a", "TOKEN").values == {"TOKEN": "the second value"}
    database.write(lambda connection: vault().remove(connection, "a", "TOKEN", BY))
    assert get(database, "a", "TOKEN").values == {}
    with pytest.raises(NotFoundError, match="no secret TOKEN"):
        database.write(lambda connection: vault().remove(connection, "a", "TOKEN", BY))
    facts = rows(database, schema.fact)
    assert [(row.kind, row.data["secret"], row.data["by"]) for row in facts] == [
        ("SecretSet", "TOKEN", "ada"), ("SecretSet", "TOKEN", "ada"), ("SecretRemoved", "TOKEN", "ada"),
    ]  # fmt: skip


def test_no_row_shows_a_value(database: Database) -> None:
    """S17, S20, S43: neither the secret's row nor the facts."""
    put(database, "a", "TOKEN", "canary-4711")
    for table in (schema.secret, schema.fact):
        assert "canary" not in str(rows(database, table))
    with database.reading() as connection:
        assert "canary" not in str(load_secrets(connection))
    assert "canary" not in repr(get(database, "a", "TOKEN"))


def test_a_row_that_was_moved_or_changed_does_not_open(database: Database) -> None:
    """Who can write rows can't have another job's secret handed to theirs."""
    for scope, name in (("a", "ONE"), ("b", "ONE"), ("b", "TWO")):
        put(database, scope, name, f"{scope} {name} the value")
    table = schema.secret
    with database.reading() as connection:
        stolen = connection.execute(select(table.c.sealed).where(table.c.scope == "a")).scalar_one()
    change = update(table).where(table.c.scope == "b").values(sealed=stolen)
    database.write(lambda connection: connection.execute(change) and None)
    handed = get(database, "b", "ONE", "TWO")
    assert handed.values == {}
    assert all("changed or damaged" in warning for warning in handed.warnings)


def test_a_rotation_seals_everything_anew_in_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """R27: both keys count until it is done; called again it does nothing."""
    monkeypatch.setattr(module, "BATCH", 3)
    for number in range(8):
        put(database, "a", f"S{number}", f"the value {number}")
    both = vault(NEW, OLD)
    put(database, "a", "FRESH", "sealed with the new one", both)
    done = both.rotate(database)
    assert (done.resealed, done.problems) == (8, ())
    assert list(done.in_use.values()) == [9]
    assert both.rotate(database).resealed == 0
    handed = get(database, "a", "S0", "S7", "FRESH", opened=vault(NEW))
    assert handed.values == {"S0": "the value 0", "S7": "the value 7", "FRESH": "sealed with the new one"}


def test_a_missing_key_costs_only_what_it_sealed(database: Database) -> None:
    """One sentence for the runs that need it; a rotation goes past it and says so."""
    put(database, "a", "LOST", "sealed with the old one")
    put(database, "a", "KEPT", "sealed with the new one", vault(NEW))
    handed = get(database, "a", "LOST", "KEPT", opened=vault(NEW))
    assert handed.values == {"KEPT": "sealed with the new one"}
    assert len(handed.warnings) == 1
    assert "Secret LOST can't be opened: its key " in handed.warnings[0]
    done = vault(NEW).rotate(database)
    assert done.resealed == 0
    assert "Secret LOST of a" in done.problems[0]
    with database.reading() as connection:
        assert list(vault(NEW).find_unknown_keys(connection).values()) == [1]
        assert len(load_key_ids(connection)) == 2


def test_what_could_not_be_masked_is_refused(database: Database) -> None:
    """S18: short values, words and control characters; the sentence does not repeat them."""
    for value in (
        "",
        "short7!",
        "localhost",
        "Configuration",
        "aaaaaaaaaaaa",
        "a\nb\nc\n1234567",
        "with\0nul-12345",
        "x" * 70_000,
    ):
        with pytest.raises(UnprocessableError) as caught:
            put(database, "a", "TOKEN", value)
        assert not value or value not in str(caught.value)
    for name in ("", "1A", "A-B", "A=B", "PATH", "LD_PRELOAD", "GITHUB_ENV", "A" * 101):
        with pytest.raises(UnprocessableError):
            put(database, "a", name, "a good value 1")
    for scope in ("../x", "a//b", "a b", "-" * 200):
        with pytest.raises(UnprocessableError):
            put(database, scope, "TOKEN", "a good value 1")
    assert put(database, "/a/b/", "GITHUB_TOKEN", "first line\nä second line\n")
    assert get(database, "a/b", "GITHUB_TOKEN").values == {"GITHUB_TOKEN": "first line\nä second line\n"}


def test_a_key_that_is_none_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match="32 bytes as base64"):
        Keys(("no key",))
