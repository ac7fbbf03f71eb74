"""One setting's value: from text, TOML or a flag to what it should be, or one sentence that says what is expected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect

from hubwright.config.settings import Section, Settings
from hubwright.errors import SettingsError

MASK = "********"

_UNITS = {
    "bytes": (
        re.compile(r"(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?\Z", re.IGNORECASE),
        {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4},
    ),
    "seconds": (
        re.compile(r"(\d+(?:\.\d+)?) ?([smhd]?)\Z", re.IGNORECASE),
        {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400},
    ),
}
_ADDRESS = re.compile(r"[a-z0-9+]+://")
_PASSWORD = re.compile(r"(://[^:/@]*:).*@", re.DOTALL)
_WORDS = {"yes": True, "on": True, "no": False, "off": False}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What one setting takes. `name` is dotted; `expected` ends the sentence "... is expected".

    `is_base`: an address that paths are added to, kept without its last slash.
    """

    name: str
    annotation: Any
    expected: str
    default: object
    is_list: bool
    is_switch: bool
    is_secret: bool
    is_base: bool
    unit: str | None

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "HUBWRIGHT_" + self.name.upper().replace(".", "__")


def list_kinds(section: type[Section] = Settings, prefix: str = "") -> Iterator[Kind]:
    """Every setting of `section`, in the order of the class."""
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            yield from list_kinds(field.type, f"{field.name}.")
        else:
            yield _describe(prefix + field.name, field)


def _describe(name: str, field: msgspec.structs.FieldInfo) -> Kind:
    described = inspect.type_info(field.type)
    if isinstance(described, inspect.UnionType):
        described = described.types[0]
    schema = (described.extra_json_schema or {}) if isinstance(described, inspect.Metadata) else {}
    extra = (described.extra or {}) if isinstance(described, inspect.Metadata) else {}
    inner = described.type if isinstance(described, inspect.Metadata) else described
    return Kind(
        name=name,
        annotation=field.type,
        expected=schema.get("description", "the path of a folder"),
        default=field.default,
        is_list=isinstance(inner, inspect.VarTupleType),
        is_switch=isinstance(inner, inspect.BoolType),
        is_secret=bool(extra.get("secret")),
        is_base=bool(extra.get("is_base")),
        unit=extra.get("unit"),
    )


def read_value(kind: Kind, raw: object, origin: str) -> object:
    """The value that `raw` stands for. `origin` is where it was given. Raises SettingsError."""
    try:
        value: object = msgspec.convert(_unfold(kind, raw), kind.annotation, strict=False, dec_hook=_make)
        if isinstance(value, str) and _ADDRESS.match(value):
            _ = urlsplit(value).port  # a ValueError for what looks like an address and is none
    except (ValueError, RecursionError):  # msgspec.ValidationError is a ValueError
        shown = "this value" if kind.is_secret else repr(shown_value(kind, raw))
        where = origin if origin == kind.variable else f"{kind.name} ({origin})"
        raise SettingsError(f"{where}: {shown} can't be used; {kind.expected} is expected.") from None
    return value


def _make(kind: type[object], value: object) -> object:
    """What msgspec does not know by itself: a path."""
    return kind(value)  # type: ignore[call-arg]


def _unfold(kind: Kind, raw: object) -> object:
    """Text as people write it, as the plain value that msgspec converts."""
    if kind.unit == "slots" and type(raw) is int:  # as TOML has it
        return str(raw)
    if not isinstance(raw, str):
        return raw
    text = raw.strip()
    if kind.is_list:
        return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    if kind.unit in _UNITS:
        return _read_amount(kind.unit, text)
    if kind.is_base:
        return text.rstrip("/")
    return _WORDS.get(text.lower(), raw) if kind.is_switch else raw


def _read_amount(unit: str, text: str) -> object:
    pattern, factors = _UNITS[unit]
    match = pattern.match(text)
    if not match:
        return text
    amount = float(match[1]) * factors[match[2].lower()]
    return int(amount) if amount.is_integer() else amount


def shown_value(kind: Kind, value: object) -> object:
    """The value as `config show` prints it: secrets and the passwords of addresses are masked."""
    if kind.is_secret and value:
        return MASK
    return _PASSWORD.sub(rf"\1{MASK}@", value) if isinstance(value, str) else value


def write_setting(value: object) -> str:
    """A setting's value as people write it."""
    if value is None:
        return "(not set)"
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
