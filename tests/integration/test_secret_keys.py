"""The keys of secrets: from the settings or a file of the data folder, and what a hub says that lacks one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hubwright.config import Settings, load_settings
from hubwright.domain.diagnosis import Verdict
from hubwright.errors import SettingsError
from hubwright.hub.github_credentials import APP, TOKEN, Credentials
from hubwright.hub.sealing import Keys, make_key
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.schema import github_credential
from hubwright.wiring.checks_keys import check_keys as check
from hubwright.wiring.secret_keys import add_key, check_keys, keys_of, open_vault

BY = ("ada", 1_790_000_000.0)


def make_settings(folder: Path, **environment: str) -> Settings:
    return load_settings({"data_dir": str(folder)}, None, environment)


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """S43: apart from the database."""
    from_file = make_settings(tmp_path)
    keys = open_vault(from_file), (tmp_path / "secrets.key").read_text()
    open_vault(from_file)
    assert (tmp_path / "secrets.key").read_text() == keys[1]
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600
    add_key(from_file)
    lines = (tmp_path / "secrets.key").read_text().split()
    assert lines[1:] == keys[1].split()
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_a_hub_follows_a_rotation_without_a_restart(database: Database, tmp_path: Path) -> None:
    """The file is read when a secret is opened or sealed."""
    settings = make_settings(tmp_path)
    running = open_vault(settings)
    database.write(lambda connection: running.set(connection, "a", "TOKEN", "the value 1", BY))
    add_key(settings)
    assert open_vault(settings).rotate(database).resealed == 1
    with database.reading() as connection:
        assert running.hand_out(connection, "a", ["TOKEN"]).values == {"TOKEN": "the value 1"}


def test_of_several_hubs_each_needs_every_key(database: Database, database_url: str, tmp_path: Path) -> None:
    """One hub alone starts and its other runs go on; several must not differ."""
    first, other = make_key(), make_key()
    sealing = open_vault(make_settings(tmp_path, HUBWRIGHT_SECRETS__KEYS=first))
    database.write(lambda connection: sealing.set(connection, "", "TOKEN", "the value 1", BY))

    def settings(keys: str, **more: str) -> Settings:
        return make_settings(tmp_path, HUBWRIGHT_SECRETS__KEYS=keys, HUBWRIGHT_DATABASE_URL=database_url, **more)

    check_keys(settings(other))
    found = check(settings(other))
    assert (found.verdict, "(1 secrets)" in found.seen) == (Verdict.FAIL, True)
    assert check(settings(first)).verdict == Verdict.OK
    several = {"HUBWRIGHT_BROKER_URL": "redis://127.0.0.1/0"}
    with pytest.raises(SettingsError, match="SECRETS__KEYS lacks keys"):
        check_keys(settings(other, **several))
    check_keys(settings(f"{other},{first}", **several))
    with pytest.raises(SettingsError, match="new-key"):
        add_key(settings(other))


def test_a_start_tells_in_one_sentence_which_key_the_hubs_own_credentials_lack(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """Else the hub would be nobody to GitHub and refuse the App's webhooks, and nobody would know why."""
    first, other = make_key(), make_key()

    def settings(keys: str, **more: str) -> Settings:
        return make_settings(tmp_path, HUBWRIGHT_SECRETS__KEYS=keys, HUBWRIGHT_DATABASE_URL=database_url, **more)

    own = Credentials(database, keys_of(settings(first)), time.time)
    own.keep(APP, {"id": 7}, {"pem": "canary"}, "ada")
    own.keep(TOKEN, {"login": "ada"}, {"token": "canary"}, "ada")
    named = f"{Keys([first]).ids[0]} (the GitHub App, the GitHub token)"

    assert check(settings(first)).verdict == Verdict.OK
    assert check(settings(other)).seen == f"keys are missing: {named}"
    with capture_logs() as told:
        check_keys(settings(other))
    assert [one["what"].partition(": ")[2].partition(". ")[0] for one in told] == [named]
    with pytest.raises(SettingsError, match="the GitHub App, the GitHub token"):
        check_keys(settings(other, HUBWRIGHT_BROKER_URL="redis://127.0.0.1/0"))
    database.write(lambda connection: connection.execute(github_credential.update().values(sealed="damaged")))
    assert "the GitHub App, whose row is damaged" in check(settings(first)).seen


def test_what_an_older_database_does_not_have_is_not_looked_at(tmp_path: Path) -> None:
    """`hubwright doctor` before an upgrade: the table came later than secrets did."""
    folder = make_settings(tmp_path)
    database = Database(folder.database_url)
    try:
        database.write(schema.secret.metadata.create_all)
        vault = open_vault(folder)
        database.write(lambda connection: vault.set(connection, "a", "TOKEN", "the value 1", BY))
        database.write(github_credential.drop)
    finally:
        database.close()
    (tmp_path / "secrets.key").write_text(make_key() + "\n")
    assert "(1 secrets)" in check(folder).seen


@pytest.mark.parametrize("pair", ["TOKEN", "=canary-4711", "TO KEN=canary-4711", "TOKEN=canary", "PATH=canary-4711"])
def test_values_of_the_settings_are_held_to_the_same_rules(tmp_path: Path, pair: str) -> None:
    """S18: what can't be masked is no secret, wherever it comes from; the sentence does not repeat it."""
    with pytest.raises(SettingsError, match="BUILDS__SECRETS") as caught:
        open_vault(make_settings(tmp_path, HUBWRIGHT_BUILDS__SECRETS=pair))
    assert "canary" not in str(caught.value)


def test_a_file_that_is_damaged_is_told_in_one_sentence_and_costs_only_secrets(
    database: Database, tmp_path: Path
) -> None:
    settings = make_settings(tmp_path)
    vault = open_vault(settings)
    database.write(lambda connection: vault.set(connection, "a", "TOKEN", "the value 1", BY))
    (tmp_path / "secrets.key").write_text("damaged\n")
    with pytest.raises(SettingsError, match="32 bytes"):
        add_key(settings) and vault.rotate(database)
    with database.reading() as connection:
        handed = vault.hand_out(connection, "a", ["TOKEN"])
    assert handed.values == {}
    assert "its key" in handed.warnings[0]
