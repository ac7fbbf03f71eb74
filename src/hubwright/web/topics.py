"""What one may subscribe to, and which facts belong to it. Pure.

`builds` all builds · `jobs` definitions · `job:PATH` one job, or all below a folder · `build:ID` · `run:ID` its facts
and its log · `builders` all builders · `builder:NAME` · `queue` what waits · `facts` everything that happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hubwright.errors import MalformedError
from hubwright.store.views_records import FactView

MAX_TOPICS = 100
"""Topics of one connection."""

MAX_TOPIC = 450
"""Characters of a topic; a job's path has 400."""

_WHOLE = frozenset({"builds", "jobs", "builders", "queue", "facts"})
_OF_DEFINITIONS = ("Job", "Folder", "Copy", "Repository")
"""How the names of facts begin that tell of definitions."""
_NUMBERED = frozenset({"build", "run"})
_NAMED = frozenset({"job", "builder"})


@dataclass(frozen=True, slots=True)
class Topic:
    """One of the above: `kind` before the colon, `name` behind it."""

    kind: str
    name: str = ""

    @property
    def text(self) -> str:
        """As it was asked for."""
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @property
    def number(self) -> int:
        """The number of a build or run."""
        return int(self.name)

    def has(self, fact: FactView) -> bool:
        """Whether a fact belongs here."""
        return _HAS[self.kind](self, fact)


def _is_of_job(topic: Topic, fact: FactView) -> bool:
    """Facts of the job, of those below a folder, of the job's copies as such, and of the folders above and below."""
    path, parent, folder = (fact.data.get(name) for name in ("job", "parent", "folder"))
    if isinstance(folder, str) and (folder == "/" or f"{topic.name}/".startswith(f"{folder}/")):
        return True
    return any(isinstance(one, str) and f"{one}/".startswith(f"{topic.name}/") for one in (path, parent, folder))


_HAS: dict[str, Callable[[Topic, FactView], bool]] = {
    "facts": lambda _topic, _fact: True,
    "queue": lambda _topic, _fact: False,  # it is told as a whole
    "jobs": lambda _topic, fact: fact.kind.startswith(_OF_DEFINITIONS),
    "builds": lambda _topic, fact: fact.build_id is not None,
    "build": lambda topic, fact: fact.build_id == topic.number,
    "run": lambda topic, fact: fact.run_id == topic.number,
    "job": _is_of_job,
    "builders": lambda _topic, fact: fact.kind.startswith("Builder"),
    "builder": lambda topic, fact: fact.data.get("builder") == topic.name,
}


def read_topic(text: object) -> Topic:
    """A topic from what a client sent. Raises MalformedError."""
    if isinstance(text, str) and len(text) <= MAX_TOPIC:
        kind, colon, name = text.partition(":")
        name = name.strip("/")
        if (not colon and kind in _WHOLE) or (kind in _NAMED and name):
            return Topic(kind, name)
        if kind in _NUMBERED and name.isdecimal() and name.isascii() and len(name) < 19:
            return Topic(kind, str(int(name)))
    shown = text[:60] if isinstance(text, str) else type(text).__name__
    raise MalformedError(
        f"{shown!r} is no topic: builds, jobs, builders, queue, facts, job:PATH, build:ID, run:ID and builder:NAME are."
    )


def read_topics(texts: Sequence[object]) -> list[Topic]:
    """Topics without repetition, in order. Raises MalformedError."""
    if len(texts) > MAX_TOPICS:
        raise MalformedError(f"At most {MAX_TOPICS} topics at once.")
    return list(dict.fromkeys(map(read_topic, texts)))
