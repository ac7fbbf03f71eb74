"""The commands of the documentation: each `sh` and `console` block of a page, and how it is proven to work.

A block is run by the walk over its page (`e2e/test_documented_commands.py`) unless a comment right above it says

    <!-- run by tests/e2e/test_first_start.py::test_the_demo_shows_both_colours_and_stays -->
    <!-- only checked: needs systemd of a machine of its own -->

More comments are for the walk: `<!-- with 42 as $FAILED -->` puts something into the next block,
`<!-- keeps running -->` starts it and goes on, `<!-- fails with 5 -->` wants that exit code,
`<!-- in an empty world -->` at the top of a page starts it without a hub, and commands in a comment of several lines
that begins with `<!-- sh` are run without being shown. `<!-- file a/b.yml -->` above a block of any language has the
walk write the block into that file, `<!-- shows a/b.yml -->` wants the file to be just that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("deploy/**/*.md")]
)
LANGUAGES = {"sh", "console"}
"""What a block of commands may be called; in a `console` block they follow `$ ` and are followed by what they say."""

OTHERS = {
    "json",
    "yaml",
    "toml",
    "sql",
    "python",
    "text",
    "ini",
    "xml",
    "c",
    "make",
    "groovy",
    "html",
    "http",
    "{toctree}",
}
"""What other blocks may be called."""

EMPTY_WORLD = "<!-- in an empty world -->"
SECOND_TERMINAL = "# in a second terminal"
"""A line of a block that begins so: what the line before it has started is still running."""

_PARTS = re.compile(
    r"^<!-- sh\n(?P<hidden>.*?)^-->$"
    r"|^ *<!-- (?P<note>run by|only checked|with|keeps running|fails with|file|shows)(?P<said>[^\n]*?) -->$"
    r"|^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Command:
    """Lines of a shell that belong together; `said` is what the page shows of their output, None if nothing."""

    line: int
    text: str
    said: str | None = None
    keeps_running: bool = False
    code: int = 0


@dataclass(frozen=True)
class Block:
    """A block of a page with its comments. `hidden` ones are run and not shown."""

    page: str
    line: int
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)
    hidden: bool = False

    @property
    def is_walked(self) -> bool:
        """Whether the walk over its page runs it."""
        return not {"run by", "only checked"} & self.notes.keys()

    def commands(self) -> list[Command]:
        """What a reader types, in order, with what `with` puts into it."""
        if file := self.notes.get("file"):
            return [
                Command(self.line, f"mkdir -p $(dirname {file})\ncat > {file} <<'END OF FILE'\n{self.text}END OF FILE")
            ]
        if file := self.notes.get("shows"):
            return [Command(self.line, f"diff - {file} <<'END OF FILE'\n{self.text}END OF FILE")]
        text = self.text
        for pair in filter(None, self.notes.get("with", "").split(", ")):
            shown, _, meant = pair.strip().partition(" as ")
            text = text.replace(shown, meant)
        found = list(_console(text, self.line) if self.language == "console" else _shell(text, self.line))
        if found and ("keeps running" in self.notes or "fails with" in self.notes):
            last = found[-1]
            code = int(self.notes.get("fails with", 0))
            found[-1] = Command(last.line, last.text, last.said, "keeps running" in self.notes, code)
        return found


def name_of(page: Path) -> str:
    """How a page is called here: its path in the repository."""
    return page.relative_to(ROOT).as_posix()


def read_blocks(page: str, text: str) -> list[Block]:
    """Every block of commands in a page, those of a comment too. Other blocks are left out."""
    blocks = []
    notes: dict[str, str] = {}
    end = 0
    for part in _PARTS.finditer(text):
        if text[end : part.start()].strip():
            assert not notes, f"{page}: {notes} is not above a block"
        end = part.end()
        line = text.count("\n", 0, part.start()) + 2
        if part["note"]:
            notes[part["note"]] = part["said"].strip(": ")
            continue
        if part["hidden"] is not None:
            blocks.append(Block(page, line, "sh", part["hidden"], hidden=True))
        elif part["language"] in LANGUAGES or {"file", "shows"} & notes.keys():
            blocks.append(Block(page, line, part["language"], _dedent(part["text"], len(part["indent"])), notes))
        else:
            assert not notes, f"{page}:{line}: {notes} is above a block that has no commands"
        notes = {}
    assert not notes, f"{page}: {notes} is above nothing"
    return blocks


def blocks_of(page: Path) -> list[Block]:
    """The same for a file of the repository."""
    return read_blocks(name_of(page), page.read_text())


def all_blocks() -> list[Block]:
    """Those of every page."""
    return [block for page in PAGES for block in blocks_of(page)]


def languages_of(text: str) -> list[str]:
    """What the blocks of a page are called."""
    return [part["language"] for part in _PARTS.finditer(text) if part["language"] is not None]


def _dedent(text: str, indent: int) -> str:
    return re.sub(rf"^ {{0,{indent}}}", "", text, flags=re.MULTILINE)


def _shell(text: str, first: int) -> Iterator[Command]:
    begun, lines = first, text.splitlines()
    taken: list[str] = []
    for number, line in enumerate(lines):
        if line.startswith(SECOND_TERMINAL):
            *before, last = [one for one in taken if one.strip()]
            yield Command(begun, "\n".join(before))
            yield Command(first + number - 1, last, keeps_running=True)
            begun, taken = first + number + 1, []
        else:
            taken.append(line)
    yield Command(begun, "\n".join(taken))


def _console(text: str, first: int) -> Iterator[Command]:
    for part in re.finditer(r"^\$ (?P<text>(?:.*\\\n)*.*\n)(?P<said>(?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        yield Command(first + text.count("\n", 0, part.start()), part["text"], part["said"])
