"""Commands in the output that say outright what is wrong: GitHub's and Azure's. Pure.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
https://learn.microsoft.com/en-us/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re

from hubwright.domain.places import read_number
from hubwright.domain.problems import Problem, Severity

_GITHUB = re.compile(r"[ \t]*::(error|warning|notice)(?=[ :])")
_AZURE = re.compile(r"[ \t]*##\[(error|warning)\](.*)")
_AZURE_ISSUE = re.compile(r"[ \t]*##vso\[task\.logissue ([^\]]*)\](.*)")
_ESCAPED = re.compile(r"%(25|0D|0A|3A|2C)", re.IGNORECASE)
_MEANT = {"25": "%", "0D": "\r", "0A": "\n", "3A": ":", "2C": ","}


def read_command(line: str) -> Problem | None:
    """The problem that a line orders to be shown; None for any other line."""
    if (match := _GITHUB.match(line)) is not None:
        properties, separator, message = line[match.end() :].partition("::")
        return _make(match[1], _read_pairs(properties, ","), message) if separator else None
    if (match := _AZURE.match(line)) is not None:
        return Problem(Severity(match[1]), match[2], "command")
    if (match := _AZURE_ISSUE.match(line)) is not None:
        pairs = _read_pairs(match[1], ";")
        names = {"file": "sourcepath", "line": "linenumber", "col": "columnnumber", "title": "title", "code": "code"}
        kind = "warning" if pairs.get("type") == "warning" else "error"
        return _make(kind, {name: pairs[azure] for name, azure in names.items() if azure in pairs}, match[2])
    return None


def _read_pairs(text: str, separator: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(separator)[:20])
    return {name.strip(): _decode(value) for name, _, value in pairs}


def _decode(text: str) -> str:
    return _ESCAPED.sub(lambda match: _MEANT[match[1].upper()], text)


def _make(kind: str, pairs: dict[str, str], message: str) -> Problem:
    title = pairs.get("title", "").strip()
    text = _decode(message).strip()
    return Problem(
        severity=Severity(kind),
        message=f"{title}: {text}" if title and text else title or text,
        matcher="command",
        file=pairs.get("file", ""),
        line=read_number(pairs.get("line")),
        column=read_number(pairs.get("col")),
        code=pairs.get("code", ""),
    )
