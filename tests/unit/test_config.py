"""Settings: which source wins, what is accepted, and what people are told when it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.config import Settings, load_settings, origins, unknown_variables
from hubwright.config.sources import KINDS
from hubwright.errors import SettingsError


def load(tmp_path: Path, environ: dict[str, str] | None = None, **flags: object) -> Settings:
    return load_settings({"data_dir": str(tmp_path), **flags}, None, environ or {})


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    """The order that docs/settings.md promises; operators debug by it."""
    file = write(tmp_path / "my.toml", 'host = "file"\nport = 1\nexecutor = "process"\n')
    environ = {"HUBWRIGHT_HOST": "environment", "HUBWRIGHT_PORT": "2"}

    settings = load_settings({"port": 3}, file, environ)

    assert (settings.port, settings.host, settings.executor) == (3, "environment", "process")
    assert settings.builds.commits == "each"


def test_a_flag_that_was_not_given_hides_nothing(tmp_path: Path) -> None:
    """Click hands None for an option that nobody gave."""
    assert load(tmp_path, {"HUBWRIGHT_PORT": "2"}, port=None).port == 2


def test_the_file_of_the_data_folder_is_found_by_itself(tmp_path: Path) -> None:
    """No flag is needed for hubwright.toml beside the database; nested tables are nested settings."""
    write(tmp_path / "hubwright.toml", '[github]\nowners = ["octo"]\n[builds]\ntimeout = "45m"\nlog_limit = "1 MiB"\n')

    settings = load(tmp_path)

    assert settings.github.owners == ("octo",)
    assert (settings.builds.timeout, settings.builds.log_limit) == (2700, 1024 * 1024)


def test_a_config_file_that_is_named_replaces_the_one_of_the_data_folder(tmp_path: Path) -> None:
    """--config is for several hubs on one machine: nothing may leak in from another file."""
    write(tmp_path / "hubwright.toml", 'host = "from-data-folder"')
    named = write(tmp_path / "other" / "x.toml", "port = 7")

    settings = load_settings({"data_dir": str(tmp_path)}, named, {})

    assert (settings.host, settings.port) == ("127.0.0.1", 7)


def test_the_data_folder_is_the_users_own_by_default() -> None:
    """XDG_DATA_HOME, else ~/.local/share."""
    assert load_settings({}, None, {"XDG_DATA_HOME": "/x"}).data_dir == Path("/x/hubwright")
    assert load_settings({}, None, {"HOME": "/h"}).data_dir == Path("/h/.local/share/hubwright")


def test_roots_data_folder_lies_where_a_builds_user_can_enter(tmp_path: Path) -> None:
    """The sandbox drops to another user, who can't enter a closed home: then root's builds would run unprotected."""
    tmp_path.chmod(0o700)
    expected = "/var/lib/hubwright" if os.geteuid() == 0 else f"{tmp_path}/.local/share/hubwright"

    assert str(load_settings({}, None, {"HOME": str(tmp_path)}).data_dir) == expected


def test_addresses_follow_host_port_and_data_folder(tmp_path: Path) -> None:
    """A start without any setting must work, and moving the data folder moves everything in it."""
    settings = load(tmp_path, port=9000)

    assert settings.public_url == "http://127.0.0.1:9000"
    assert settings.database_url == f"sqlite:///{tmp_path}/hubwright.db"
    assert settings.storage_url == f"file://{tmp_path}/artifacts"


@pytest.mark.parametrize(
    ("host", "address"), [("0.0.0.0", "http://127.0.0.1:8010"), ("::1", "http://[::1]:8010"), ("h", "http://h:8010")]
)
def test_the_default_public_address_can_be_opened(tmp_path: Path, host: str, address: str) -> None:
    """A page's links must lead somewhere, whatever address is listened at."""
    assert load(tmp_path, host=host).public_url == address


def test_a_host_that_is_none_is_named_itself(tmp_path: Path) -> None:
    """Nobody has written the address that was made of it."""
    with pytest.raises(SettingsError, match="HUBWRIGHT_HOST: '/' can't be used; a name or an IP address"):
        load(tmp_path, {"HUBWRIGHT_HOST": "/"})


@pytest.mark.parametrize(("host", "anonymous"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)])
def test_strangers_read_only_on_loopback_unless_told_otherwise(tmp_path: Path, host: str, anonymous: bool) -> None:
    """Opening a hub to the network must not open its pages to everybody by itself."""
    assert load(tmp_path, host=host).anonymous_read is anonymous
    assert load(tmp_path, {"HUBWRIGHT_ANONYMOUS_READ": "yes"}, host=host).anonymous_read is True


@pytest.mark.parametrize("text", ["one, two", '["one", "two"]', "one,two,"])
def test_lists_are_json_or_comma_separated(tmp_path: Path, text: str) -> None:
    """A secret with a comma in it needs JSON; everybody else writes commas."""
    assert load(tmp_path, {"HUBWRIGHT_GITHUB__WEBHOOK_SECRETS": text}).github.webhook_secrets == ("one", "two")


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    """Containers and systemd hand secrets over as files; the last line break is not part of them."""
    token = write(tmp_path / "token", "s3cret\n")
    secrets = write(tmp_path / "secrets", "old,one\nnew\n")
    environ = {
        "HUBWRIGHT_GITHUB__TOKEN_FILE": str(token),
        "HUBWRIGHT_GITHUB__WEBHOOK_SECRETS_FILE": str(secrets),
    }

    settings = load(tmp_path, environ)

    assert settings.github.token == "s3cret"
    assert settings.github.webhook_secrets == ("old,one", "new")


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    """Nobody could know which of the two counts."""
    environ = {"HUBWRIGHT_ADMIN_TOKEN": "a", "HUBWRIGHT_ADMIN_TOKEN_FILE": str(write(tmp_path / "t", "b"))}

    with pytest.raises(SettingsError, match="Both HUBWRIGHT_ADMIN_TOKEN and HUBWRIGHT_ADMIN_TOKEN_FILE"):
        load(tmp_path, environ)


def test_git_may_always_use_the_protocol_that_everything_is_cloned_with(tmp_path: Path) -> None:
    """http and file are off by default, but a clone base that uses them was the operator's own wish."""
    assert load(tmp_path).git.allow_protocols == ("https", "ssh")
    environ = {"HUBWRIGHT_GITHUB__CLONE_BASE": "http://git.local/", "HUBWRIGHT_GIT__ALLOW_PROTOCOLS": "ssh"}

    settings = load(tmp_path, environ)

    assert settings.github.clone_base == "http://git.local"
    assert settings.git.allow_protocols == ("ssh", "http")


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    """Compose files pass `HUBWRIGHT_X=${X}` on, whether X is set or not."""
    assert load(tmp_path, {"HUBWRIGHT_PORT": "", "HUBWRIGHT_GITHUB__TOKEN": ""}).github.token is None


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("PORT", "http", "a port number"),
        ("PORT", "65536", "a port number"),
        ("SLOTS", "0", "a whole number from 1"),
        ("BUILDS__TIMEOUT", "soon", "a whole number of seconds, or a time like 45m"),
        ("BUILDS__LOG_LIMIT", "-1", "a size like 256MiB"),
        ("BUILDS__COMMITS", "all", "each, head or bisect"),
        ("ANONYMOUS_READ", "perhaps", "true or false"),
        ("DATABASE_URL", "mysql://h/n", "sqlite:///PATH or postgresql"),
        ("STORAGE_URL", "/srv", "file:///PATH or s3://"),
        ("PUBLIC_URL", "ci.example.org", "https://host"),
        ("PUBLIC_URL", "https://[", "https://host"),
        ("DOCS_URL", "https://docs.example.org/", "{page}"),
        ("BROKER_URL", "redis://host:port", "redis://HOST/0"),
        ("GITHUB__CLONE_BASE", "https://[x", "https://github.com"),
        ("GITHUB__OWNERS", "[1, 2", "a list of names"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(tmp_path: Path, variable: str, value: str, expected: str) -> None:
    """It names the setting as the operator wrote it, shows the value and says what is expected."""
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, {f"HUBWRIGHT_{variable}": value})

    message = str(refused.value)
    assert message.startswith(f"HUBWRIGHT_{variable}: ")
    assert expected in message
    assert "\n" not in message


def test_no_message_shows_a_secret(tmp_path: Path) -> None:
    """Error output ends up in chats and tickets."""
    for environ in (
        {"HUBWRIGHT_GITHUB__WEBHOOK_SECRETS": '["hush'},
        {"HUBWRIGHT_DATABASE_URL": "mysql://user:hush@host/name"},
    ):
        with pytest.raises(SettingsError) as refused:
            load(tmp_path, environ)
        assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prot = 1", "prot is no setting. Did you mean port?"),
        ("[github]\nsecrets = 1", "github.secrets is no setting"),
        ("port = ", "can't be read"),
        ("port = 'x'", "port (.*hubwright.toml): 'x' can't be used"),
    ],
)
def test_a_slip_in_the_file_is_an_error_that_names_it(tmp_path: Path, text: str, complaint: str) -> None:
    """A key that nobody reads would leave the operator believing that it is set."""
    write(tmp_path / "hubwright.toml", text)

    with pytest.raises(SettingsError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        load(tmp_path)


def test_a_file_that_is_named_but_missing_is_an_error(tmp_path: Path) -> None:
    """--config must not be ignored silently."""
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings({}, tmp_path / "none.toml", {})


def test_an_unknown_variable_is_told_with_a_guess() -> None:
    """Warned of, not refused: the environment belongs to other programs as well."""
    environ = {"HUBWRIGHT_GITHUB__SECRET": "x", "HUBWRIGHT_PRT": "1", "HUBWRIGHT_URL": "u", "HUBWRIGHT_PORT": "1"}
    environ |= {"HUBWRIGHT_ADMIN_TOKEN_FILE": "f", "HUBWRIGHT_BUILDER_NAME": "b", "PATH": "p"}

    warnings = unknown_variables(environ)

    assert len(warnings) == 2
    assert "HUBWRIGHT_PRT is no setting. Did you mean HUBWRIGHT_PORT?" in warnings


def test_origins_say_where_each_value_comes_from(tmp_path: Path) -> None:
    """`config show --origin` answers the question that every operator asks in the end."""
    write(tmp_path / "hubwright.toml", "slots = 5")
    environ = {"HUBWRIGHT_ADMIN_TOKEN": "hush", "HUBWRIGHT_DATABASE_URL": "postgresql://u:hush@h/n"}

    found = {one.name: one for one in origins({"data_dir": str(tmp_path), "port": 1}, None, environ)}

    assert list(found) == list(KINDS)
    assert (found["port"].origin, found["host"].origin) == ("flag", "default")
    assert found["slots"].origin == str(tmp_path / "hubwright.toml")
    assert found["admin_token"].origin == "HUBWRIGHT_ADMIN_TOKEN"
    assert "hush" not in repr(found)


def test_settings_do_not_show_their_values(tmp_path: Path) -> None:
    """A settings object in a log line or traceback must not leak a token."""
    settings = load(tmp_path, {"HUBWRIGHT_GITHUB__TOKEN": "hush"})

    assert "hush" not in f"{settings!r}{settings.github!r}"


@given(st.dictionaries(st.sampled_from([kind.variable for kind in KINDS.values()]), st.text(), max_size=4))
def test_any_text_is_taken_or_refused_in_one_sentence(environ: dict[str, str]) -> None:
    """No value of a variable may end in a traceback."""
    message = ""
    try:
        load_settings({"data_dir": "/nowhere"}, None, environ)
    except SettingsError as error:
        message = str(error)

    assert "\n" not in message


def test_settings_load_quickly() -> None:
    """Every command pays for it; pydantic-settings alone took 0.27 s where this takes 0.06 s."""

    def cost(program: str) -> float:
        before = os.times()
        subprocess.run([sys.executable, "-c", program], check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(cost("import hubwright.config") for _ in range(3)) < 0.15 + 4 * cost("pass")
