"""The builder that `up` starts when work waits: no work that comes while one ends is left lying."""

from __future__ import annotations

import random
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from hubwright.config import load_settings
from hubwright.store.builders import keep_connected, load_owners
from hubwright.store.database import Database
from hubwright.store.tokens import find_token
from hubwright.wire import WIRE_VERSION, Hello
from hubwright.wiring.first_start import prepare
from hubwright.wiring.local_builder import LocalBuilder, make_local_builder
from waiting import until

# Works off what lies in the folder `waiting`, then ends: the shortest builder with the same moment of ending.
STAND_IN = """
cd "$1"
while set -- waiting/*; [ -e "$1" ]; do for work in "$@"; do mv "$work" done/; done; done
echo >> lives
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "waiting").mkdir()
    (tmp_path / "done").mkdir()
    return tmp_path


def _count(lives: Path) -> int:
    """How many builders have ended."""
    return lives.read_text().count("\n") if lives.exists() else 0


def test_no_work_that_comes_while_a_builder_ends_is_stuck(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """System 0's race, two hundred times: `worker is running` was asked before the worker had ended.

    Hints only, no second look: LOOK_AGAIN is out of reach.
    """
    monkeypatch.setattr("hubwright.wiring.local_builder.LOOK_AGAIN", 60.0)
    waiting = folder / "waiting"
    local = LocalBuilder(["sh", "-c", STAND_IN, "sh", str(folder)], lambda: any(waiting.iterdir()))
    local.start()
    chance = random.Random(1)
    lives = folder / "lives"
    try:
        for number in range(200):
            before = _count(lives)
            (waiting / str(number)).touch()
            local.wake()
            if number % 5 == 0:  # a builder ends now, however slow this machine is
                until(lambda before=before: _count(lives) > before, 20, "a builder to end")
            time.sleep(chance.uniform(0.0, 0.008))  # a life takes about so long: work comes in each of its moments
        until(lambda: not any(waiting.iterdir()), 20, "all work to be taken")
        assert len(list((folder / "done").iterdir())) == 200
        assert _count(lives) > 20
    finally:
        local.stop()


def test_a_hint_that_was_lost_costs_a_moment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that nobody told of is found by looking."""
    monkeypatch.setattr("hubwright.wiring.local_builder.LOOK_AGAIN", 0.05)
    waiting = folder / "waiting"
    local = LocalBuilder(["sh", "-c", STAND_IN, "sh", str(folder)], lambda: any(waiting.iterdir()))
    local.start()
    try:
        (waiting / "1").touch()
        until((folder / "done" / "1").exists, 20, "the work to be found")
    finally:
        local.stop()


def test_nothing_is_started_while_nothing_waits_and_a_stop_is_quick(tmp_path: Path) -> None:
    local = LocalBuilder([sys.executable, "-c", f"open({str(tmp_path / 'started')!r}, 'w')"], lambda: False)
    local.start()
    local.wake()
    began = time.monotonic()
    local.stop()
    assert time.monotonic() - began < 8
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("lost", [True, False])
def test_the_name_comes_back_from_a_token_that_is_lost(lost: bool, tmp_path: Path) -> None:
    """A backup has the row of the token and not its text, so a restored hub makes another for its builder."""
    settings = load_settings({"data_dir": str(tmp_path), "slots": "1"}, None, {})
    start = prepare(settings)
    with closing(Database(settings.database_url)) as database:
        with database.reading() as connection:
            former = find_token(connection, start.builder_token.read_text().strip(), 1.0)
        assert former is not None
        hello = Hello(wire=WIRE_VERSION, name="local", platform="p", version="", instance="", labels=(), slots=1)
        database.write(lambda connection: keep_connected(connection, [(hello, former.id)], 1.0))
        if lost:
            start.builder_token.unlink()
            start = prepare(settings)
        make_local_builder(settings, start, 1, database)
        with database.reading() as connection:
            assert load_owners(connection, ["local"], 2.0)["local"].owner == (None if lost else former.id)
