"""The world in which the commands of a page are run: a home of their own, a hub, a fake GitHub, a working copy.

One shell runs a page from top to bottom, as a reader would: what a block sets or where it goes holds for the next.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from documented_commands import Block, Command
from machine_processes import kill_leftovers

SECONDS = 150
"""How long one page may take on a busy machine."""

PRELUDE = """set -eu -o pipefail
soon() { for _ in $(seq 900); do "$@" > /dev/null 2>&1 && return; sleep 0.1; done; "$@"; }
ready() { soon curl -q -fs "$HUBWRIGHT_URL/readyz"; }
"""
"""What hidden commands may use: `soon COMMAND` waits until a command succeeds, `ready` until the hub answers."""

COLOURS = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True)
class World:
    """Where pages are walked. `placeholders` are what pages write for what a reader has: an address, a repository."""

    folder: Path
    environment: Mapping[str, str]
    placeholders: Mapping[str, str]
    start: Path
    programs: Path = field(init=False)

    def __post_init__(self) -> None:
        """The program is called as its readers call it."""
        object.__setattr__(self, "programs", self.folder / "bin")
        self.programs.mkdir(exist_ok=True)
        write_program(self.programs / "hubwright")

    def walk(self, blocks: Sequence[Block]) -> None:
        """Run the blocks; fails with the first command that does, or that says what its page does not show."""
        commands = [self._meant(command) for block in blocks for command in block.commands()]
        if not commands:
            return
        script = self.folder / "page.sh"
        script.write_text(PRELUDE + "".join(map(self._scripted, range(len(commands)), commands)))
        said = self._run(script)
        for number, command in enumerate(commands):
            what = f"{blocks[0].page}:{command.line}: {command.text.strip()}"
            assert f"\x1e{number}\n" in said, f"{what} was not reached:\n{said[-4000:]}"
            answer = said.partition(f"\x1e{number}\n")[2].partition("\x1e")[0]
            assert f"\x1e{number} ended\n" in said, f"{what} failed:\n{answer[-4000:]}"
            if command.said is not None:
                assert re.fullmatch(pattern_of(command.said), COLOURS.sub("", answer), re.DOTALL), (
                    f"{what} said:\n{answer}"
                )

    def _meant(self, command: Command) -> Command:
        text, said = command.text, command.said
        for shown, meant in self.placeholders.items():
            text = text.replace(shown, meant)
            said = said and said.replace(shown, meant)
        return Command(command.line, text, said, command.keeps_running, command.code)

    def _scripted(self, number: int, command: Command) -> str:
        text = command.text.rstrip()
        if command.keeps_running:
            words = shlex.quote(str(self.folder / "kept.said"))
            text = f"{{ {text}\n}} > {words} 2>&1 < /dev/null &\nready; kill -0 $!"
        elif command.code:
            text = f"code=0\n{{ {text}\n}} || code=$?\ntest $code = {command.code}"
        return f"printf '\\036{number}\\n'\n{text}\nprintf '\\036{number} ended\\n'\n"

    def _run(self, script: Path) -> str:
        path = f"{self.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        process = subprocess.Popen(
            ["/bin/bash", str(script)], cwd=self.start, env={**self.environment, "PATH": path}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            return process.communicate(timeout=SECONDS)[0]
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kill_leftovers(self.folder)


def write_program(file: Path) -> None:
    """A `hubwright` that is this checkout's."""
    file.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hubwright "$@"\n')
    file.chmod(0o755)


def pattern_of(shown: str) -> str:
    """What a page shows, as an expression: `…` stands for anything, also for lines."""
    return ".*".join(re.escape(part) for part in shown.strip().split("…")) + r"\s*"
