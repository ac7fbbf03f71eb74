"""The settings that hold for a job: those of hub, folders, job and copy laid over each other, each with its origin.

A document is sparse: it has what somebody said there. Taken apart it is a flat mapping of places to values, and a layer
above another is the union of two such mappings, of which the upper one counts: so it makes no difference in which order
layers are put together, and every value has exactly one origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from typing import Any

from hubwright.domain.pointers import write_pointer

MERGED = frozenset({"environment", "triggers", "platform_limits", "retention", "notifications", "concurrency"})
"""The maps of which each key is inherited by itself; every other value, lists too, is replaced as a whole."""

NAMED = "parameters"
"""The list of which each item is inherited by itself, under its `name`."""

OWN = frozenset({"title", "description", "repository", "clone_url", "enabled"})
"""What a job is: nothing of it comes from folders or the hub."""

Place = tuple[str, ...]

_NOT_FOR_COPIES = frozenset({("triggers", "schedule"), ("triggers", "after"), ("triggers", "poll")})


class Source(StrEnum):
    """What a value may come from, the weakest first."""

    DEFAULT = "default"
    HUB = "hub"
    FOLDER = "folder"
    JOB = "job"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose value it is; `path` is that of the folder or job, "" for defaults, hub and the root folder."""

    source: Source
    path: str = ""

    def __str__(self) -> str:
        if self.source is Source.DEFAULT:
            return "default"
        if self.source is Source.HUB:
            return "settings of the hub"
        return f"{self.source.value} {self.path or '/'}"


@dataclass(frozen=True, slots=True)
class Layer:
    """A sparse document and whose it is."""

    origin: Origin
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A value at its place, and whose it is."""

    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Effective:
    """Values that hold, by their places. Nothing is in it at first."""

    said: Mapping[Place, Said] = field(default_factory=dict)

    def under(self, upper: Effective) -> Effective:
        """Both, where `upper` counts for what both say."""
        return Effective({**self.said, **upper.said})

    def without(self, places: Iterable[Place]) -> Effective:
        """All but what is said at these places."""
        gone = frozenset(places)
        return Effective({place: said for place, said in self.said.items() if place not in gone})

    def document(self) -> dict[str, Any]:
        """The values as one document, complete as far as the layers were."""
        whole: dict[str, Any] = {}
        for place, said in self.said.items():
            if len(place) == 1:
                whole[place[0]] = said.value
            elif place[0] == NAMED:
                whole.setdefault(NAMED, []).append({"name": place[1], **said.value})
            else:
                whole.setdefault(place[0], {})[place[1]] = said.value
        return whole

    def origins(self) -> dict[str, Origin]:
        """Whose each value of `document` is, by JSON pointers; parameters by their names."""
        return {write_pointer(place): said.origin for place, said in self.said.items()}


def lay(layer: Layer) -> Effective:
    """One layer, taken apart; what is null in it is not said. What is a job's own is passed over in other layers."""
    inherited = layer.origin.source in {Source.HUB, Source.FOLDER}
    return Effective(
        {
            place: Said(value, layer.origin)
            for place, value in _places(layer.document)
            if value is not None and not (inherited and place[0] in OWN)
        }
    )


def lay_all(layers: Iterable[Layer]) -> Effective:
    """The layers over each other, the weakest first."""
    return reduce(Effective.under, map(lay, layers), Effective())


def lay_copy(parent: Effective, copy: Layer) -> Effective:
    """What holds for a copy: all that holds for its parent but what must happen once, and its own changes above."""
    return parent.without(_NOT_FOR_COPIES).under(lay(copy))


def _places(document: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    for key, value in document.items():
        if key in MERGED and isinstance(value, Mapping):
            yield from (((key, inner), one) for inner, one in value.items())
        elif key == NAMED and isinstance(value, list | tuple):
            for one in value:
                yield (key, one["name"]), {word: said for word, said in one.items() if word != "name"}
        else:
            yield (key,), value
