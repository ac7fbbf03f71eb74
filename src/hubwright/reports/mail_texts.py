"""A mail about the end of a build: one thread for each job and branch. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

from hubwright.domain.wording import look_of, make_visible
from hubwright.reports.notice_texts import Notice, write_line
from hubwright.store.views_results import ProblemView

MAX_PROBLEMS = 20
"""Problems, and tests, that a mail names."""

_BAD = frozenset({"failure", "error", "timeout"})


def write_mail(
    notice: Notice, problems: Sequence[ProblemView], public_url: str, sender: str, recipient: str
) -> EmailMessage:
    """The message. Answers, filters and threads go by headers:

    `References` (RFC 5322) is the same for all of a job and branch, `List-Id` (RFC 2919) names the job, and
    `Auto-Submitted` (RFC 3834) keeps holiday replies away.
    """
    build = notice.build
    host = urlsplit(public_url).hostname or "localhost"
    line = write_line(notice, public_url)
    ended = build.finished_at or build.queued_at
    thread = f"<{_mark(build.job, build.branch or build.ref)}@{host}>"
    message = EmailMessage()
    message["Subject"] = line.rpartition(" — ")[0]
    message["From"] = sender
    message["To"] = recipient
    message["Date"] = format_datetime(datetime.fromtimestamp(ended, UTC))
    message["Message-ID"] = f"<build.{build.id}.{ended:.0f}.{_mark(recipient)}@{host}>"
    message["References"] = thread
    message["In-Reply-To"] = thread
    message["List-Id"] = f"<{_mark(build.job)}.{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Hubwright-Job"] = _plain(build.job)
    message["X-Hubwright-Turn"] = notice.turn.value
    message.set_content("\n".join(_write_body(notice, problems, line, public_url)) + "\n")
    return message


def read_address(text: str) -> str:
    """An address such as `ann@example.org` as it may stand in a header. Raises ValueError."""
    address = Address(addr_spec=text.strip())
    if not address.username or ("." not in address.domain and address.domain != "localhost"):
        raise ValueError(text)
    if not text.isascii() or not text.isprintable():
        raise ValueError(text)
    return address.addr_spec


def _write_body(notice: Notice, problems: Sequence[ProblemView], line: str, public_url: str) -> list[str]:
    build = notice.build
    lines = [line.rpartition(" — ")[0], "", f"{public_url.rstrip('/')}/builds/{build.id}", ""]
    for run in build.runs:
        look = look_of(run.state, run.result)
        stages = ", ".join(_plain(stage.name) for stage in run.stages if stage.result in _BAD)
        lines.append(f"{look.sign} {_plain(run.platform)}: {look.word.lower()}{f' in {stages}' if stages else ''}")
    for run in build.runs:
        lines += [f"    {_plain(case.name)} failed" for case in list(notice.failed.get(run.id, ()))[:MAX_PROBLEMS]]
    if build.problem:
        lines += ["", *(_plain(one) for one in build.problem.splitlines()[:MAX_PROBLEMS])]
    if problems:
        lines += ["", *(_word_problem(one) for one in problems[:MAX_PROBLEMS])]
    lines += ["", f"Commit {build.sha} on {_plain(build.branch or build.ref)}", _plain(build.message.strip()[:2000])]
    lines += ["", "-- ", f"Told for the job {_plain(build.job)}: its notifications and yours say to whom."]
    return [*lines, f"{public_url.rstrip('/')}/notifications"]


def _word_problem(one: ProblemView) -> str:
    place = "" if one.file is None else f"{_plain(one.file)}{f':{one.line}' if one.line else ''}: "
    return f"{place}{one.severity}: {_plain(one.message.partition(chr(10))[0])[:500]}"


def _plain(text: str) -> str:
    """A name from outside, on one line unless it has several, with nothing hidden in it."""
    return make_visible(text).replace("\r", "")


def _mark(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:20]
