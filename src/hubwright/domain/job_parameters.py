"""Parameters of a job: what is asked when somebody starts a build by hand, and the variables that the answers make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from hubwright.domain.pointers import write_pointer
from hubwright.domain.secrets import is_reserved, looks_secret
from hubwright.errors import DefinitionError, Wrong

MAX_PARAMETERS = 100
"""Parameters of a job, and of a build."""

MAX_VALUE = 10_000
"""Characters of a value."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_HUGE = 10**18
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")


class Type(StrEnum):
    """What a value may be."""

    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    CHOICE = "choice"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One question. `default` is the text that the variable has when nobody answers; None: it is not set at all.

    With `allowed`, only these values are taken.
    """

    name: str
    title: str = ""
    type: Type = Type.STRING
    required: bool = False
    default: str | None = None
    allowed: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What people are asked."""
        return self.title or self.name


def read_parameters(items: Iterable[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    """The parameters of a definition's canonical document."""
    return tuple(
        Parameter(**{**item, "type": Type(item.get("type", "string")), "allowed": tuple(item.get("allowed", ()))})
        for item in items
    )


def check_parameter(parameter: Parameter) -> list[tuple[str, str]]:
    """What is wrong with a definition: the key, and a sentence without a full stop."""
    problems: list[tuple[str, str]] = []
    if is_reserved(parameter.name):
        problems.append(("name", f"{parameter.name} is a variable that builds have already: choose another name"))
    if parameter.type is Type.CHOICE and not parameter.allowed:
        problems.append(("type", "a choice needs `allowed`, the values to choose from"))
    if len(set(parameter.allowed)) < len(parameter.allowed):
        problems.append(("allowed", "a value is given twice"))
    for key, values in (("allowed", parameter.allowed), ("default", _maybe(parameter.default))):
        for value in values:
            problem = _refusal(parameter, value, choices=key == "default")
            if problem is None and looks_secret(value):
                problem = "this is a key or token: keep it as a secret of the hub, and name it under `secrets`"
            problems += [(key, problem)] if problem else []
    return problems


def fill_parameters(defined: Sequence[Parameter], typed: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a build: what was typed, else the defaults. Numbers, true and false may be typed as such.

    A job that defines no parameters takes any variable. Raises DefinitionError that names everything that is wrong.
    """
    values: dict[str, str] = {}
    if len(typed) > MAX_PARAMETERS:
        raise DefinitionError([Wrong("/parameters", f"a build takes at most {MAX_PARAMETERS} parameters")])
    known = {parameter.name: parameter for parameter in defined}
    problems = [
        Wrong(write_pointer(("parameters", name)), problem) for name in typed if (problem := _refuse_name(name, known))
    ]
    for parameter in defined or [Parameter(name=name) for name in typed if _VARIABLE.match(name)]:
        value, problem = _fill(parameter, typed.get(parameter.name))
        if problem:
            problems.append(Wrong(write_pointer(("parameters", parameter.name)), problem))
        elif value is not None:
            values[parameter.name] = value
    if problems:
        raise DefinitionError(problems)
    return values


def write_value(value: object) -> str | None:
    """A typed value as a variable's text; None when it is none that a variable can have."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < _HUGE else None
    return value if isinstance(value, str) else None


def _refuse_name(name: str, known: Mapping[str, Parameter]) -> str | None:
    if not known:
        return None if _VARIABLE.match(name) else f"{name[:60]!a} can't be a variable: letters, digits and _"
    if name in known:
        return None
    near = get_close_matches(name[:60].upper(), [one.upper() for one in known], n=1)
    meant = next((one for one in known if near and one.upper() == near[0]), None)
    hint = f"did you mean {meant}?" if meant else f"it has {', '.join(list(known)[:10])}"
    return f"the job has no parameter {name[:60]!a}: {hint}"


def _fill(parameter: Parameter, said: object) -> tuple[str | None, str | None]:
    """The text of the variable, and what is wrong."""
    if said is None:
        said = parameter.default
    if said is None or (said == "" and parameter.required):
        return None, f"{parameter.question} is required" if parameter.required else None
    text = write_value(said)
    if text is None:
        return None, f"{parameter.question} must be text, a whole number, true or false"
    if said == "" and parameter.default != "" and (parameter.type is not Type.STRING or parameter.allowed):
        return None, None  # a field of a form that was left empty
    problem = _refusal(parameter, text, choices=True)
    return (None, problem) if problem else (_settle(parameter, text), None)


def _refusal(parameter: Parameter, text: str, *, choices: bool) -> str | None:
    """Why this value can't be had; `choices`: it must be one of those allowed."""
    name = parameter.question
    if len(text) > MAX_VALUE or "\0" in text or not _is_text(text):
        return f"{name} has more than {MAX_VALUE} characters, or one that no variable can hold"
    if parameter.type is Type.INTEGER and not _INTEGER.match(text):
        return f"{name} must be a whole number, not {_shown(text)}"
    if parameter.type is Type.BOOLEAN and text.lower() not in {"true", "false"}:
        return f"{name} must be true or false, not {_shown(text)}"
    if choices and parameter.allowed and _settle(parameter, text) not in parameter.allowed:
        near = get_close_matches(text[:60], parameter.allowed, n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        return f"{name} must be one of {', '.join(parameter.allowed[:20])}, not {_shown(text)}{hint}"
    return None


def _settle(parameter: Parameter, text: str) -> str:
    return text.lower() if parameter.type is Type.BOOLEAN else text


def _maybe(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    return ascii(text[:60] + "…" if len(text) > 60 else text) if text else "empty"
