"""Runs that take more than they may, hide, or stay: each within the bounds of its builder, and all within the cage."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hubwright.builder.log import TAIL
from red_team.camps import DISK, MEMORY, PIDS

if TYPE_CHECKING:
    from red_team.fights import Fight

_BOUNDED = "bounded"
_LOG = 2_000_000

# Counts what it could start: each child says so and waits, until one can't be had or 250 are there.
_FORKS = """:
perl -e '$n = 0; while ($n < 250) { $p = fork; last unless defined $p; if (!$p) { sleep 4; exit } $n++ }
  print qq(\\nforks $n\\n)'
"""
_MEMORY = ":\nperl -e '$x = qq(x) x 420000000; print qq(GOT all of it\\n)'\n"
_SHARED = ":\nhead -c 420000000 /dev/zero > /dev/shm/fill && echo GOT all of it\nrm -f /dev/shm/fill\n"
_FLOOD = ":\nyes 'a line that is written again and again' | head -c 8000000\n"
_FILL = ":\nhead -c 90000000 /dev/zero > big; sleep 6; echo GOT the disk\n"
_FILL_DEEP = """:
perl -e 'for (1..60) { mkdir q(d) x 100; chdir q(d) x 100 or last }
  for $n (1..3) { open F, q(>), qq(f$n) or die; print F q(x) x 30000000; close F }'
sleep 6; echo GOT the disk
"""
_FILL_TEMPORARY = (
    ":\nhead -c 250000000 /dev/zero > /tmp/fill-$WORD; sleep 2; echo GOT the disk; rm -f /tmp/fill-$WORD\n"
)
_DEEP = ":\nperl -e 'for (1..1500) { mkdir q(level); chdir q(level) or last }'\n"

_ESCAPES = """:
setsid sh -c 'exec sleep 6{word}1' &
(setsid sh -c '(exec sleep 6{word}2) &' &)
env -i setsid /bin/sh -c '(exec /bin/sleep 6{word}3) & exit' &
setsid sh -c 'trap "" TERM HUP INT; exec sleep 6{word}4' &
perl -e 'exit if fork; syscall(112); exit if fork; $0 = q(kworker); exec q(sleep), q(6{word}5)'
sleep 0.3
"""
_PLANT = """:
for d in /tmp /var/tmp /dev/shm /dev/mqueue /run /run/lock $HOME . ..; do echo GOT > $d/left-$WORD; done
mkdir -p /tmp/left-$WORD.d/x; chmod 500 /tmp/left-$WORD.d
perl -e 'syscall(29, 0x5EC0DE, 4096, 0x380 | 01666); syscall(68, 0x5EC0DE, 01666)' || :
"""
_LOOK = """:
for d in /tmp /var/tmp /dev/shm /dev/mqueue /run /run/lock $HOME . ..; do cat $d/left-$WORD; done
ls -d /tmp/left-$WORD.d && echo GOT a folder
perl -e 'print qq(GOT shared memory\\n) if syscall(29, 0x5EC0DE, 1, 0) >= 0;
  print qq(GOT a queue\\n) if syscall(68, 0x5EC0DE, 0) >= 0'
ls -A $HOME | grep . && echo GOT files; env | grep left && echo GOT variables
:
"""


async def bombs(fight: Fight) -> None:
    """Processes, memory, output: what a run has too much of is refused, and its neighbours live."""
    told = await fight.run({"name": "forks", "run": _FORKS})
    count = next((int(line.split()[1]) for line in _lines(told.log) if line.startswith("forks ")), 0)
    fight.judge("fork bomb", f"{count} processes" if count >= PIDS else "", _BOUNDED)
    for name, script in (("memory", _MEMORY), ("shared memory", _SHARED)):
        told = await fight.run({"name": "fill", "run": script, "allow_failure": True})
        fight.judge(name, f"{MEMORY} bytes were no bound" if "GOT all of it" in _lines(told.log) else "", _BOUNDED)
    told = await fight.run({"name": "flood", "run": _FLOOD}, log_limit=_LOG)
    fight.judge("log", f"{len(told.log)} bytes" if len(told.log) > _LOG + 1.1 * TAIL else "", _BOUNDED)


async def deep_runs(fight: Fight) -> None:
    """The disk, and folders that are hard to count and to delete."""
    for name, script in (("disk", _FILL), ("deep disk", _FILL_DEEP), ("temporary", _FILL_TEMPORARY)):
        told = await fight.run({"name": "fill", "run": script, "allow_failure": True}, env={"WORD": fight.word})
        fight.judge(name, f"{DISK} bytes were no bound" if "GOT the disk" in _lines(told.log) else "", _BOUNDED)
    reading = {"artifacts": {"paths": ["**"]}, "reports": ["**/*.xml"]}
    await fight.run(
        {"name": "deep", "run": _DEEP + "echo 'a.c:1:1: error: look for it'\n", **reading}, uploads=fight.shelf.address
    )
    await fight.run({"name": "alive", "run": "true"})
    left = await asyncio.to_thread(until_none, lambda: _trees_left(fight.work / "trees"), 20)
    fight.judge("deep", f"left behind: {left}" if left else "")


async def leaving(fight: Fight) -> None:
    """What hides is gone when the run is."""
    word = fight.word
    await fight.run({"name": "hide", "run": _ESCAPES.replace("{word}", word)})
    fight.judge("escape", await asyncio.to_thread(until_none, lambda: _alive_with(f"sleep 6{word}"), 5))


async def looking(fight: Fight) -> None:
    """What was left is not there for the next run."""
    env = {"WORD": fight.word}
    await fight.run({"name": "plant", "run": _PLANT, "allow_failure": True}, env=env)
    told = await fight.run({"name": "look", "run": _LOOK, "allow_failure": True}, env=env)
    fight.judge("next", " ".join(line for line in _lines(told.log) if line.startswith("GOT")))
    await asyncio.to_thread(_sweep, fight.word)


def _sweep(word: str) -> None:
    """Where a builder is not root, its plain processes leave what they like."""
    for place in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/lock"):
        for path in Path(place).glob(f"left-{word}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for kind in ("-M", "-Q"):
        subprocess.run(["ipcrm", kind, "0x5EC0DE"], capture_output=True, check=False)


def until_none(look: Callable[[], list[str]], seconds: float) -> list[str]:
    """What is still there when it had its time to go."""
    began = time.monotonic()
    while (found := look()) and time.monotonic() - began < seconds:
        time.sleep(0.1)
    return found


def _trees_left(trees: Path) -> list[str]:
    """Of runs that are over; the first run is the victim's."""
    return [path.name for path in trees.iterdir() if path.name.partition(".")[0] != "1-1"]


def _lines(log: bytes | bytearray) -> list[str]:
    return log.decode("utf-8", "replace").splitlines()


def _alive_with(words: str) -> list[str]:
    listing = subprocess.run(["ps", "-wweo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if words in line and line.split()[1][0] != "Z"]
