"""What processes say of themselves: JSON to the last line, whoever speaks, and the ids of the context in each line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

SPEAK = """
import asyncio, logging, sys
import structlog
from structlog.contextvars import bound_contextvars
from hubwright.config import Log
from hubwright.wiring.logging import configure_logging

configure_logging("worker", Log(format=sys.argv[1], level=sys.argv[2]))
log = structlog.get_logger()
with bound_contextvars(delivery="guid-1"):
    log.info("delivery_understood", outcome="1 build")
    logging.getLogger("uvicorn.error").error("Exception in %s", "ASGI")
    logging.getLogger("uvicorn.error").info("Started")
    asyncio.run(asyncio.to_thread(log.warning, "said_in_a_thread"))
log.debug("detail", value=object)
try:
    secret = "hunter2"
    raise ValueError("broken")
except ValueError:
    log.exception("fault")
    logging.getLogger("celery").exception("its fault")
"""


def speak(form: str, level: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SPEAK, form, level], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    return done.stderr


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """What a process said that writes to a file or a pipe."""
    return [json.loads(line) for line in speak("auto", "info").splitlines()]


def test_every_line_is_json_whoever_speaks(lines: list[dict[str, Any]]) -> None:
    assert [(line["event"], line.get("logger")) for line in lines] == [
        ("delivery_understood", None),
        ("Exception in ASGI", "uvicorn.error"),
        ("said_in_a_thread", None),
        ("fault", None),
        ("its fault", "celery"),
    ]
    assert {line["process"] for line in lines} == {"worker"}
    assert all(line["timestamp"].endswith("Z") and line["level"] in {"info", "warning", "error"} for line in lines)


def test_what_is_bound_is_in_every_line_of_its_context(lines: list[dict[str, Any]]) -> None:
    """In threads and of libraries, too."""
    assert [line.get("delivery") for line in lines] == ["guid-1"] * 3 + [None] * 2


def test_a_fault_shows_its_trace_and_no_values(lines: list[dict[str, Any]]) -> None:
    for line in lines[-2:]:
        assert line["exception"].endswith("ValueError: broken")
        assert "hunter2" not in line["exception"]


def test_the_settings_choose_form_and_level() -> None:
    text = speak("text", "warning")
    assert "delivery_understood" not in text
    assert "said_in_a_thread" in text
    assert "delivery=guid-1" in text
    assert "\x1b" not in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text.splitlines()[0])
    events = [json.loads(line)["event"] for line in speak("json", "debug").splitlines()]
    assert "detail" in events
    assert "Started" in events
