"""Where settings come from, and which source wins."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from hubwright.config.kinds import Kind, list_kinds, read_value, shown_value
from hubwright.config.settings import Settings
from hubwright.errors import SettingsError

PREFIX = "HUBWRIGHT_"
SYSTEM_FILE = Path("/etc/hubwright/hubwright.toml")
FILE_NAME = "hubwright.toml"

KINDS = {kind.name: kind for kind in list_kinds()}

OTHER_VARIABLES = (
    *("HUBWRIGHT_URL", "HUBWRIGHT_TOKEN", "HUBWRIGHT_CONFIG", "HUBWRIGHT_DEBUG", "HUBWRIGHT_BUILDER_*"),
    "HUBWRIGHT_NOTIFY",
    "HUBWRIGHT_TO_*",  # where `hubwright db move` goes
    "HUBWRIGHT_RUN",  # marks the processes of a build, which may call this program
)
"""Variables of the command line and of builds that are no settings."""

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - binds nothing: how such a host is reached from here

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One setting as `config show --origin` tells it; secrets are masked."""

    name: str
    value: object
    origin: str


@dataclass(frozen=True, kw_only=True)
class _Given:
    value: object
    origin: str


def load_settings(flags: Mapping[str, object], config_file: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings. `flags` are by dotted name, None = not given; `config_file` must exist when it is named.

    Raises SettingsError, one sentence that names the setting and what is expected.
    """
    nested: dict[str, Any] = {}
    for name, given in _collect(flags, config_file, environ).items():
        section, _, leaf = name.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[leaf] = given.value
    return msgspec.convert(nested, Settings, dec_hook=lambda _, value: value)


def origins(flags: Mapping[str, object], config_file: Path | None, environ: Mapping[str, str]) -> list[Origin]:
    """Every setting with its value and where that came from. Raises SettingsError."""
    return [
        Origin(name=name, value=shown_value(KINDS[name], given.value), origin=given.origin)
        for name, given in _collect(flags, config_file, environ).items()
    ]


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """One sentence for each `HUBWRIGHT_*` variable that is no setting: most likely a slip."""
    names = [name for name in environ if name.startswith(PREFIX) and not _find_kind(_dotted(name))]
    return [
        f"{name} is no setting.{_guess(_dotted(name), PREFIX)}"
        for name in names
        if not any(fnmatchcase(name, other) for other in OTHER_VARIABLES)
    ]


def local_address(settings: Settings) -> str:
    """Where the hub with these settings is reached from this machine."""
    return _address(settings.host, settings.port)


def _collect(flags: Mapping[str, object], config_file: Path | None, environ: Mapping[str, str]) -> dict[str, _Given]:
    """Every setting's value and origin, in the order of the class."""
    given = dict(_read_flags(flags))
    from_environment = _read_environment(environ)
    data_dir = (given.get("data_dir") or from_environment.get("data_dir") or _default_data_dir(environ)).value
    from_file = _read_file(_choose_file(config_file, Path(str(data_dir)).expanduser()))
    given = {**from_file, **from_environment, **given}
    defaults = {kind.name: _Given(value=kind.default, origin="default") for kind in KINDS.values()}
    defaults["data_dir"] = _default_data_dir(environ)
    merged = {**defaults, **given}
    merged["data_dir"] = _absolute(merged["data_dir"])
    return _with_protocols({**merged, **derived_defaults(merged, given)})


def derived_defaults(merged: Mapping[str, _Given], given: Mapping[str, _Given]) -> dict[str, _Given]:
    """The defaults that depend on other settings, for those that were not given."""
    host, port, folder = str(merged["host"].value), merged["port"].value, Path(str(merged["data_dir"].value))
    values: dict[str, object] = {
        "public_url": _address(host, port),
        "database_url": f"sqlite:///{folder / 'hubwright.db'}",
        "storage_url": (folder / "artifacts").as_uri(),
        "anonymous_read": host in LOOPBACK,
        "slots": str(merged["agent.max_workers"].value or max(2, os.cpu_count() or 2)),
        "git.allow_protocols": ("https", "ssh"),
    }
    return {name: _Given(value=value, origin="default") for name, value in values.items() if name not in given}


def _address(host: str, port: object) -> str:
    return f"http://{ANY_ADDRESS.get(host, f'[{host}]' if ':' in host else host)}:{port}"


def _with_protocols(merged: dict[str, _Given]) -> dict[str, _Given]:
    """`git.allow_protocols` with the protocol of the address that everything is cloned from."""
    allowed = merged["git.allow_protocols"]
    names = tuple(allowed.value) if isinstance(allowed.value, tuple) else ()
    needed = str(merged["github.clone_base"].value).partition("://")[0]
    if needed in names:
        return merged
    return {**merged, "git.allow_protocols": _Given(value=(*names, needed), origin=f"{allowed.origin}, CLONE_BASE")}


def _read_flags(flags: Mapping[str, object]) -> Iterator[tuple[str, _Given]]:
    for name, raw in flags.items():
        if raw is not None:
            yield name, _Given(value=read_value(KINDS[name], raw, "flag"), origin="flag")


def _read_environment(environ: Mapping[str, str]) -> dict[str, _Given]:
    """Settings from `HUBWRIGHT_*`; an empty variable counts as not set, as compose files write it."""
    named = {_dotted(name): (raw, name) for name, raw in environ.items() if name.startswith(PREFIX) and raw}
    return _read_layer({name: item for name, item in named.items() if _find_kind(name)})


def _read_file(path: Path | None) -> dict[str, _Given]:
    """Settings from TOML; an unknown key is an error, as it is a slip that would else go unseen."""
    if path is None:
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"The settings file {path} can't be read: {error}.") from None
    flat = dict(_flatten(document))
    for name in flat:
        if not _find_kind(name):
            raise SettingsError(f"{path}: {name} is no setting.{_guess(name)}")
    return _read_layer({name: (raw, str(path)) for name, raw in flat.items()})


def _read_layer(raw: Mapping[str, tuple[object, str]]) -> dict[str, _Given]:
    """The values of one source; `X_FILE` stands for the text of a file."""
    layer: dict[str, _Given] = {}
    for name, (value, origin) in raw.items():
        kind = _find_kind(name)
        if kind is None:
            continue
        if kind.name in layer:
            raise SettingsError(f"Both {kind.variable} and {kind.variable}_FILE are set; set only one of them.")
        text = value if kind.name == name else _read_secret(kind, str(value))
        layer[kind.name] = _Given(value=read_value(kind, text, origin), origin=origin)
    return layer


def _read_secret(kind: Kind, path: str) -> object:
    """The text of a secret's file without its last line break; each line is one item of a list."""
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{kind.variable}_FILE: {path} can't be read: {error}.") from None
    return text.splitlines() if kind.is_list and not text.startswith("[") else text


def _find_kind(name: str) -> Kind | None:
    return KINDS.get(name) or KINDS.get(name.removesuffix("_file"))


def _dotted(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower().replace("__", ".")


def _guess(name: str, prefix: str = "") -> str:
    """` Did you mean ...?` when a setting has nearly this name."""
    close = difflib.get_close_matches(name, KINDS, n=1)
    if not close:
        return " `hubwright config show` lists every setting."
    return f" Did you mean {KINDS[close[0]].variable if prefix else close[0]}?"


def _flatten(document: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in document.items():
        name = f"{prefix}{key.lower()}"
        if isinstance(value, dict):
            yield from _flatten(value, f"{name}.")
        else:
            yield name, value


def _choose_file(config_file: Path | None, data_dir: Path) -> Path | None:
    if config_file:
        return config_file
    return next((path for path in (data_dir / FILE_NAME, SYSTEM_FILE) if path.is_file()), None)


def _default_data_dir(environ: Mapping[str, str]) -> _Given:
    """https://specifications.freedesktop.org/basedir-spec/latest/, unless root's home is closed to a build's user."""
    home = Path(environ.get("HOME") or "~").expanduser()
    if os.geteuid() == 0 and not environ.get("XDG_DATA_HOME") and _is_closed(home):
        return _Given(value=Path("/var/lib/hubwright"), origin="default")
    return _Given(value=Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "hubwright", origin="default")


def _is_closed(folder: Path) -> bool:
    return folder.is_dir() and not folder.stat().st_mode & 0o001


def _absolute(given: _Given) -> _Given:
    return _Given(value=Path(str(given.value)).expanduser().absolute(), origin=given.origin)
