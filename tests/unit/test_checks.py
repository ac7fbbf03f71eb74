"""What the doctor looks at: each check once, only what the settings use, all in bounded time, and told in the docs."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hubwright.config import Settings, load_settings
from hubwright.domain.diagnosis import Sight, Verdict, doubtful, join_sights, well, wrong
from hubwright.wiring.checks import CHECKS, Check, run_checks
from hubwright.wiring.checks_database import _find_file_system

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
FAULT = RuntimeError("a fault of ours")


def settings(folder: Path, **flags: str) -> Settings:
    return load_settings(
        {"data_dir": str(folder), **{name.replace("__", "."): flags[name] for name in flags}}, None, {}
    )


def test_the_page_tells_of_every_check_in_its_order() -> None:
    """A check that is not told of can't be relied on, one that is told of and is not there misleads."""
    rows = re.findall(r"^\| `([a-z ]+)` \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)

    assert [name for name, _, _ in rows] == [check.name for check in CHECKS]
    assert {name for name, when, _ in rows if when == "always"} == {
        check.name for check in CHECKS if check.concerns.__name__ == "_always"
    }


def test_only_what_the_settings_use_is_looked_at(tmp_path: Path) -> None:
    """Who has no broker need not read of one."""
    told = [
        finding.name for finding in run_checks(settings(tmp_path), [check for check in CHECKS if check.name == "mail"])
    ]
    assert told == []
    wanted = {
        "mail": {"mail__server": "smtp://127.0.0.1:9"},
        "irc": {"irc__server": "127.0.0.1", "irc__port": "9"},
        "search engine": {"elasticsearch__url": "http://127.0.0.1:9"},
        "collector": {"otel__endpoint": "http://127.0.0.1:9"},
        "broker": {"broker_url": "redis://127.0.0.1:9"},
        "redis": {"redis_url": "redis://127.0.0.1:9"},
        "registries": {"sandbox__registry_auth": "/nowhere/config.json"},
        "receivers": {"notify__webhooks": "https://127.0.0.1/x"},
        "certificate": {"public_url": "https://127.0.0.1:9"},
    }
    for name, flags in wanted.items():
        (finding,) = run_checks(settings(tmp_path, **flags), [check for check in CHECKS if check.name == name])
        assert finding.verdict is not Verdict.OK, finding
        assert finding.fix, finding
        assert len(finding.seen) > 10, finding


def test_what_hangs_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """A file server that is away hangs for ever; the others are told all the same, in their order."""
    never = threading.Event()

    def hang(_settings: Settings) -> Sight:
        never.wait()
        return well("too late")

    checks = [Check("stuck", hang), Check("quick", lambda _settings: well("here"))]
    began = time.monotonic()
    stuck, quick = run_checks(settings(tmp_path), checks, patience=0.2)
    never.set()

    assert time.monotonic() - began < 20
    assert (stuck.name, stuck.verdict, stuck.seen) == ("stuck", Verdict.FAIL, "no answer within 0.2 seconds")
    assert stuck.fix
    assert (quick.name, quick.verdict) == ("quick", Verdict.OK)


def test_a_fault_of_one_check_hides_no_other(tmp_path: Path) -> None:
    """Who needs the doctor has trouble enough."""

    def fail(_settings: Settings) -> Sight:
        raise FAULT

    failed, fine = run_checks(settings(tmp_path), [Check("bad", fail), Check("good", lambda _settings: well("here"))])

    assert (failed.verdict, failed.seen) == (Verdict.FAIL, "the check failed: RuntimeError: a fault of ours")
    assert fine.seen == "here"


def test_the_worst_of_several_sights_counts() -> None:
    """What is not well must not drown in what is."""
    assert join_sights([well("a"), well("b")]) == well("a; b")
    assert join_sights([well("a"), doubtful("b", "do b"), doubtful("c", "do b")]) == doubtful("b; c", "do b")
    assert join_sights([doubtful("b", "do b"), wrong("c", "do c"), well("a")]) == wrong("b; c", "do b; do c")


def test_a_hub_that_can_look_loads_nothing_that_only_some_need() -> None:
    """Alembic, its templates and their colours are 7 MB and a quarter of a second of each start, for upgrades alone.

    What an App signs with is 9 MB and a tenth of a second, PostgreSQL's client 9 MB.
    """
    code = "import sys, hubwright.wiring.hub; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert "hubwright.wiring.checks" in loaded
    assert {"alembic", "mako", "celery", "hubwright.store.moving", "jwt", "cryptography.x509", "psycopg"}.isdisjoint(
        loaded
    )


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/data/hub/db", "nfs4"), ("/data/local/db", "ext4"), ("/other", "overlay"), ("/database", "overlay")],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(tmp_path: Path, path: str, kind: str) -> None:
    """Also when a mount covers an older one at the same place."""
    mounts = tmp_path / "mounts"
    lines = (
        "none / overlay rw 0 0",
        "old /data ext3 rw 0 0",
        "nas:/x /data nfs4 rw 0 0",
        "sda /data/local ext4 rw 0 0",
    )
    mounts.write_text("\n".join(lines))

    assert _find_file_system(Path(path), mounts) == kind
    assert _find_file_system(Path(path), tmp_path / "nothing") == ""
