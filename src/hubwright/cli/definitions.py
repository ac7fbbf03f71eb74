"""Definitions of jobs and folders as commands show and name them. A path that ends with `/` is a folder's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from hubwright.cli.output import print_table, shown


def address_of(path: str) -> str:
    """Where the API has the job `team/app`, the folder `team/`, or the root folder `/`."""
    kind = "folders" if path.endswith("/") else "jobs"
    return f"/api/v1/{kind}/{quote(path.strip('/'))}"


def show_effective(found: dict[str, Any], *, origin: bool) -> None:
    """Every value that holds, one in a line, and where it comes from."""
    print_table(
        [
            f"  {shown(name)}",
            "=",
            _written(value),
            *([f"({shown(found['origins'][pointer]['text'])})"] if origin else []),
        ]
        for pointer, name, value in _list_values(found)
    )


def _list_values(found: dict[str, Any]) -> Iterable[tuple[str, str, Any]]:
    """Pointer, name and value of each value that holds, by name."""
    for pointer in sorted(found["origins"]):
        parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        value = found["effective"][parts[0]]
        if isinstance(value, list) and len(parts) > 1:
            value = next(
                {key: said for key, said in one.items() if key != "name"} for one in value if one["name"] == parts[1]
            )
        elif len(parts) > 1:
            value = value[parts[1]]
        yield pointer, ".".join(parts), value


def _written(value: Any) -> str:
    return shown(
        value if isinstance(value, str) and value.strip() == value != "" else json.dumps(value, ensure_ascii=False)
    )


def show_change(number: int, found: dict[str, Any]) -> str:
    """A version as a line: number, when, by whom, what, why."""
    places = [f"{_SIGNS[one['kind']]}{one['pointer']}" for one in found["changes"]]
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""
    return (
        f"{number}  {found['at'][:19].replace('T', ' ')}  {shown(found['author'] or 'the hub')}  "
        + "  ".join([shown(" ".join(places[:5]) + more), shown(found["reason"])]).rstrip()
    )


_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
