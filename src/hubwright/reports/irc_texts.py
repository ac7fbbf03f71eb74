"""What the bot announces of pushes and builders, line by line: short, and nothing hidden in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hubwright.domain.wording import word_count, word_duration
from hubwright.reports.notice_texts import one_line

MAX_BYTES = 350
"""Of a line: what servers put before it has room too, and nobody reads more."""

MAX_COMMITS = 4
"""Commits of a push that have a line each."""

_BRANCH, _TAG = "refs/heads/", "refs/tags/"
_UNSEEN = "\u200b"


def write_push(data: Mapping[str, Any], *, refs: bool = True, commits: bool = True) -> list[str]:
    """The lines of a push, from its fact: what became of the branch or tag, its new commits, how many more there are.

    `refs`: that a branch or tag is new or gone; `commits`: the commits, and that a branch was forced or moved.

    A commit: `owner/repo branch sha7 author [+a ±m -r]: first line`.
    """
    where = f"{_shown(data.get('repository'), 140)} {_shown(_short(data.get('ref')), 100)}"
    kind = "tag" if str(data.get("ref", "")).startswith(_TAG) else "branch"
    pusher = _shown(data.get("pusher"), 60) or "somebody"
    if data.get("deleted"):
        return [fit(f"{where}: {kind} deleted by {pusher}")] if refs else []
    told = data.get("commits")
    shown = [one for one in told if isinstance(one, Mapping)][:MAX_COMMITS] if isinstance(told, list) else []
    new = _number(data.get("new"), len(shown))
    is_new = kind == "tag" or bool(data.get("created"))
    lines = [fit(line) for line in _word_move(data, where, kind, pusher, new)] if refs or not is_new else []
    if commits:
        lines += [_write_commit(where, one) for one in shown]
        lines += [fit(f"{where}: {new - len(shown)} more", _compare(data))] if new > len(shown) else []
    return lines


def write_pushes(pushes: Sequence[Mapping[str, Any]]) -> str:
    """One line for pushes of one branch or tag that are told together: where it stands."""
    last = pushes[-1]
    where = f"{_shown(last.get('repository'), 140)} {_shown(_short(last.get('ref')), 100)}"
    stands = "deleted by now" if last.get("deleted") else f"now at {_sha7(last.get('after'))}"
    new = sum(_number(one.get("new"), 0) for one in pushes)
    often = "1 push" if len(pushes) == 1 else f"{len(pushes)} pushes"
    return fit(f"{where}: {often}, {word_count(new, 'new commit')}, {stands}")


def _word_move(data: Mapping[str, Any], where: str, kind: str, pusher: str, new: int) -> list[str]:
    """What happened to the branch or tag, where its new commits don't say it."""
    after = _sha7(data.get("after"))
    if kind == "tag":
        return [f"{where}: {'new tag at' if data.get('created') else 'tag moved to'} {after} by {pusher}"]
    if data.get("created"):
        base = _shown(_short(data.get("base")), 100)
        return [f"{where}: new branch{f' from {base}' if base else ''} at {after} by {pusher}"]
    if data.get("forced"):
        return [f"{where}: FORCED from {_sha7(data.get('before'))} to {after} by {pusher}"]
    known = _number(data.get("count"), 0)
    if new == 0:
        commits = f" ({word_count(known, 'commit')}, all pushed before)" if known else ""
        return [f"{where}: moved to {after} by {pusher}{commits}"]
    return []


def _write_commit(where: str, commit: Mapping[str, Any]) -> str:
    author = _shown(commit.get("author"), 60) or "somebody"
    added, modified, removed = (_number(commit.get(name), 0) for name in ("added", "modified", "removed"))
    more = _number(commit.get("lines"), 0)
    head = f"{where} {_sha7(commit.get('sha'))} {author} [+{added} ±{modified} -{removed}]: "
    rest = f"[{word_count(more, 'more line')}]" if more else ""
    return fit(head + _shown(commit.get("subject"), 300), rest)


def _compare(data: Mapping[str, Any]) -> str:
    """Where all of them can be looked at: GitHub's own page, as far as it has told its address."""
    url = data.get("url")
    if not isinstance(url, str) or not url.startswith("https://") or not url.isascii() or not url.isprintable():
        return ""
    if " " in url or len(url) > 150 or data.get("created"):
        return ""
    return f"{url}/compare/{str(data.get('before'))[:12]}...{str(data.get('after'))[:12]}"


def write_away(data: Mapping[str, Any], seconds: float, waiting: int) -> str:
    """`[builders] freebsd-a offline for 5 min 00 s, 3 builds waiting`."""
    waits = f", {word_count(waiting, 'run')} waiting" if waiting else ""
    return fit(f"[builders] {_shown(data.get('builder'), 100)} offline for {word_duration(seconds)}{waits}")


def write_lost(data: Mapping[str, Any]) -> str:
    """A builder was lost with what it ran."""
    return fit(f"[builders] {_shown(data.get('builder'), 100)} ({_shown(data.get('platform'), 60)}) lost")


def write_back(data: Mapping[str, Any], seconds: float) -> str:
    """`[builders] freebsd-a back after 12 min 03 s`."""
    return fit(f"[builders] {_shown(data.get('builder'), 100)} back after {word_duration(seconds)}")


def write_trouble(text: str, others: int) -> str:
    """`[hub] Delivery … could not be understood: … (2 more)`."""
    return fit(f"[hub] {one_line(text, 400)}", f"({others} more)" if others else "")


def hush(name: str) -> str:
    """A name that reads as ever and calls nobody: clients look for the whole nick, and find it cut in two."""
    return f"{name[:1]}{_UNSEEN}{name[1:]}" if len(name) > 1 else name


def fit(text: str, tail: str = "") -> str:
    """Both in one line of `MAX_BYTES`; the text is cut on a character's border, its end never."""
    end = f" {tail}" if tail else ""
    room = MAX_BYTES - len(end.encode())
    data = text.encode("utf-8", "replace")
    if len(data) > room:
        text = data[: max(0, room - 3)].decode("utf-8", "ignore") + "…"
    return text + end


def _shown(value: object, most: int) -> str:
    return one_line(value, most) if isinstance(value, str) else ""


def _short(ref: object) -> str:
    return ref.removeprefix(_BRANCH).removeprefix(_TAG) if isinstance(ref, str) else ""


def _sha7(sha: object) -> str:
    return _shown(sha, 64)[:7]


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) and value >= 0 else default
