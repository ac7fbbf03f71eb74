"""Deliveries that nobody has published: what they tell is in the tables, and none of them fails."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from fake_github import FakeGitHub
from hub_process import SECRET, HubProcess
from hubwright.store.schema import metadata
from odd_payloads import Odd, odd_deliveries
from waiting import until

BROKEN = (b"", b"[]", b"null", b'"x"', b"{", b"[" * 3000, b"\xff\xfe", b'{"a": NaN}')
"""What is no delivery at all."""


@pytest.mark.parametrize("seed", [1])
def test_odd_deliveries_leave_the_rows_that_they_tell_of(
    github: FakeGitHub, folder: Path, database_url: str, seed: int
) -> None:
    """Ghosts, numbers of 64 bits, NUL, half characters, lists for objects; twice, in any order, on both databases."""
    odd = odd_deliveries()
    sent = [(one, f"odd-{again}-{one.name.replace(' ', '-')}") for again in range(2) for one in odd]
    random.Random(seed).shuffle(sent)
    with HubProcess(folder, github=github, settings={"DATABASE_URL": database_url}) as hub:
        for one, guid in sent:
            hub.deliver(one.event, one.payload, guid=guid)
        hub.deliver("issues", b'{"action": "x", "text": "\\ud800 \\u0000"}', guid="odd-half")
        for body in BROKEN:
            hub.deliver("issues", body, status=400)
        status, _ = github.deliver(hub.hook, "issues", {"action": "opened"}, secret=SECRET + "x")
        assert status == 401

        until(lambda: not [one for one in ledger(hub) if is_open(one)], 60)
        assert {one["guid"] for one in ledger(hub)} == {guid for _, guid in sent} | {"odd-half"}
        assert [(one["guid"], one["outcome"]) for one in ledger(hub) if one["state"] == "failed"] == []
        assert [problem for one in odd for problem in find_problems(database_url, one)] == []
        assert "Traceback" not in hub.said


def ledger(hub: HubProcess) -> list[dict[str, Any]]:
    """Every delivery, but for what the hub tells itself."""
    found = hub.get("deliveries", limit=200)
    assert found["next"] is None
    return [one for one in found["items"] if one["guid"].startswith("odd-")]


def is_open(delivery: dict[str, Any]) -> bool:
    """Whether nobody has looked at it; what is to be built waits for its repository, which is nowhere, and says so."""
    to_build = delivery["event"] in {"push", "pull_request", "merge_group"}
    return delivery["state"] not in {"done", "failed"} and not (to_build and delivery["error"])


def find_problems(database_url: str, odd: Odd) -> list[str]:
    """What is not as the delivery told."""
    engine = create_engine(database_url)
    problems = []
    with engine.connect() as connection:
        for name, key, told in odd.rows:
            table = metadata.tables[name]
            row = connection.execute(select(table).filter_by(**key)).mappings().first()
            if row is None:
                problems.append(f"{odd.name}: {name} {key} has no row")
                continue
            wrong = {column: row[column] for column, value in told.items() if row[column] != value}
            problems += [f"{odd.name}: {name}.{column} is {str(is_)[:80]!r}" for column, is_ in wrong.items()]
    engine.dispose()
    return problems
