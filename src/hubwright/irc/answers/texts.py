"""How builds, jobs and moments are put in a line. Pure. Names from outside are shortened; who speaks cleans them."""

from __future__ import annotations

from collections.abc import Sequence

from hubwright.domain.irc_text import Colour, Piece, Text
from hubwright.domain.wording import Look, look_of, make_visible, word_age, word_duration
from hubwright.reports.descriptions import describe_build
from hubwright.store.takes import Take
from hubwright.store.views_values import BuildView

_COLOURS = {"success": Colour.GREEN, "failure": Colour.RED, "error": Colour.ORANGE, "timeout": Colour.ORANGE}
_UNSEEN = "\u200b"


def shorten(text: str, most: int) -> str:
    """A name from outside on one line, with nothing hidden in it, in at most so many characters."""
    shown = " ".join(make_visible(text[: 4 * most]).split())
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def unping(name: str) -> str:
    """A name that reads the same and calls nobody."""
    short = shorten(name, 40)
    return short[:1] + _UNSEEN + short[1:] if len(short) > 1 else short


def paint_look(look: Look) -> Piece:
    """`✓ passed`, in its colour."""
    return Piece(f"{look.sign} {look.word.lower()}", _COLOURS.get(look.kind, Colour.GREY))


def name_place(build: BuildView) -> str:
    """The job with the branch or pull request: `team/app main`, `team/app PR#12`."""
    where = f"PR#{build.pull_request}" if build.pull_request else build.branch or build.ref
    return f"{shorten(build.job, 100)} {shorten(where, 60)}"


def address(public_url: str, build_id: int) -> str:
    """A build's page."""
    return f"{public_url.rstrip('/')}/builds/{build_id}"


def write_build(build: BuildView, now: float, public_url: str) -> Text:
    """`team/app main #12 ✕ failed at a1b2c3d by ann "Fix it": stage test failed, 3 min ago — URL`."""
    look = look_of(build.state, build.result)
    author = build.author_login or build.author_name
    who = f" by {unping(author)}" if author else ""
    subject = shorten(build.message.strip().partition("\n")[0], 60)
    said = "" if build.state == "finished" and build.result == "success" else f": {shorten(describe_build(build), 120)}"
    return [
        f"{name_place(build)} #{build.number} ",
        paint_look(look),
        f' at {build.sha[:7]}{who} "{subject}"{said}, {word_when(build, now)} — {address(public_url, build.id)}',
    ]


def word_when(build: BuildView, now: float) -> str:
    """When it ended, or for how long it goes on."""
    if build.finished_at is not None:
        return word_age(max(0.0, now - build.finished_at))
    if build.started_at is not None:
        return f"for {word_duration(now - build.started_at)}"
    return f"since {word_duration(now - build.queued_at)}"


def word_take(take: Take | None, now: float) -> str:
    """Who mends it, as the end of a sentence; nothing where nobody does."""
    if take is None:
        return ""
    return f"; {unping(take.by)} is mending it ({word_age(max(0.0, now - take.at))})"


def join_names(names: Sequence[str], most: int = 20) -> str:
    """Names, and how many there are beyond `most`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
