"""Good inputs of each target, which the search begins with, and the words that are worth putting into others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import yaml

from fuzz import file_targets, github_targets, irc_targets, request_targets, text_targets, wire_targets
from hostile_names import HOSTILE_LOG
from recipe_samples import BAD, FULL, SMALLEST

_DATA = Path(__file__).parents[1] / "data"


def files(folder: str, before: bytes = b"") -> list[bytes]:
    """The files of a folder of the tests' data."""
    return [before + path.read_bytes()[:20_000] for path in sorted((_DATA / folder).iterdir())]


def numbers(count: int) -> Callable[[], list[bytes]]:
    """Inputs of a target that chooses by its first bytes: each choice once, with nothing behind it."""
    return lambda: [number.to_bytes(1 if count <= 256 else 2, "little") for number in range(count)]


def webhooks() -> list[bytes]:
    """Some real payloads, signed and not, as JSON and as a form."""
    head = "\n72d3162e-cc78-11e3-81ab-4c9367dc0958\n17\nGitHub-Hookshot/1\n\n"
    small = [(event, orjson.dumps(payload)) for event, payload in github_targets.PAYLOADS[::40]]
    signed = [flags + f"{event}{head}".encode() + body[:8_000] for event, body in small for flags in (b"\x0c", b"\x00")]
    form = b"\x0dpush\nx\n\n\n\npayload=%7B%22ref%22%3A+%22refs%2Fheads%2Fmain%22%7D"
    return [*signed, form, b'\0ping\n\n\n\n\n{"zen":"\\ud800"}']


def answers() -> list[bytes]:
    """Good, not modified, refused for its rate, and unknown."""
    links = b'link: <https://api.github.com/x?page=2>; rel="next", <https://api.github.com/x?page=9>; rel="last"\n'
    limits = b"x-ratelimit-remaining: 0\nx-ratelimit-reset: 1800000060\nx-ratelimit-limit: 5000\nretry-after: 5\n"
    date = b'date: Fri, 15 Jan 2027 08:00:00 GMT\netag: W/"x"\nx-oauth-scopes: repo, admin:org\n'
    statuses = [(status - 100).to_bytes(2, "little") for status in (200, 304, 403, 404, 502)]
    return [status + b"\0" + links + limits + date + b'\n{"message": "API rate limit"}' for status in statuses]


def recipes() -> list[bytes]:
    """Good ones and bad ones."""
    return [one.encode() for one in (FULL, SMALLEST, *(text for text, *_ in BAD if len(text) < 4_000))]


def jobs() -> list[bytes]:
    """YAML and JSON, of a job and of a folder."""
    return [b"\0\0" + yaml.safe_dump(text_targets.JOB).encode(), b"\1\0env: {A: 1}\n", b"\0\1", b"\0\0{}"]


def foreign() -> list[bytes]:
    """A file of each other system."""
    names = ("workflow", "travis", "cirrus", "woodpecker")
    return [bytes([number]) + (_DATA / "foreign" / f"{name}.yml").read_bytes() for number, name in enumerate(names)]


def trees() -> list[bytes]:
    """Names of files and the content of all of them."""
    return [
        b"Makefile\nsrc/a.c\n\nall:\n\ttrue\ntest:\n",
        b'package.json\n\n{"scripts": {"test": "x"}}',
        b"a.c\nlib/b.c\n\nint main(void) {",
        b"configure.ac\n\n",
        b"CMakeLists.txt\n\n",
    ]


def frames() -> list[bytes]:
    """Each message."""
    return [orjson.dumps(example) for _, example in wire_targets.EXAMPLES]


def log_bytes() -> list[bytes]:
    """The first bytes of a log and the last that can be numbered."""
    return [b"\1" + b"\0" * 20, b"\1" + b"\xff" * 20 + b"text\n"]


def caches() -> list[bytes]:
    """A tar of one file for each name."""
    return [bytes([0, 0, number, 0, 0, 0, 0, 1, 4]) + b"text" for number in range(len(file_targets.NAMES))]


def kept_files() -> list[bytes]:
    """Zips with a secret in them, and the first bytes of other kinds."""
    zips = [bytes([1, packed]) + b"\2\x05hello\7hunter2" for packed in (0, 1)]
    return [*zips, b"\0\x1f\x8b\x08", b"\0\xfd7zXZ\0", b"\0BZh9", b"\0hunter2"]


def archives() -> list[bytes]:
    """Names and contents."""
    return [b"\3a/b\4text\3c/d\0", b"\x04\xf0\x9f\x90\x9b\1x"]


def logs() -> list[bytes]:
    """What tools print, what strangers print, and groups."""
    groups = b"::group::a\nx\n::endgroup::\nsection_start:1:a[collapsed=true]\r\nsection_end:2:a\r\n--- b\n+++ c\n"
    return [*files("output"), HOSTILE_LOG, groups]


def told_problems() -> list[bytes]:
    """What tools print, cut into pieces."""
    return files("output", before=b"\x40")


def sayings() -> list[bytes]:
    """Formatted as on IRC."""
    return [b"\x0304,12red\x03 \x02bold\x0f https://example.org/a.", b"\x04ff0000hex \x11mono\x16"]


def secret_logs() -> list[bytes]:
    """With a secret plain, twice, named late, and with a colour inside."""
    late = b"\7::add-mask::other-value\nother-value\n"
    return [b"\5token \xff\n", b"\0a\xff\xffb\x1b[31m\xff", late, b"\1hun\x1b[1mter2-\xc3\xa9"]


def irc_lines() -> list[bytes]:
    """A talk with a server, before and after it has let us in."""
    talk = [
        *irc_targets.WELCOME, b"@account=ada :ada!u@h PRIVMSG #builds :!build app", b":ada!u@h NICK :bob",
        b":x MODE #builds +o ada", b":ada!u@h QUIT :bye", b"PING :x", b":s 433 * hub :taken",
    ]  # fmt: skip
    return [bytes([number]) + b"\n".join(talk) for number in (0, 1)]


def orders() -> list[bytes]:
    """What the bot obeys."""
    return [b"!build team/app main FLAVOUR=hot", b"hub: watch 2h", b"status owner/app#12", b"!rerun last failed"]


def ranges() -> list[bytes]:
    """Of a small file and of large ones."""
    return [b"\2bytes=0-4", b"\1bytes=-5", b"\3bytes=7-", b"\2bytes=0-1,3-4"]


def lists() -> list[bytes]:
    """Each list with cursors and filters of every form."""
    texts = (b"1", b"held:7", b"0:1.5:7", b"true", b"2024-05-06T07:08:09Z", b"1700000000.5:issues:octo/hello")
    count = len(request_targets.list_asks())
    return [number.to_bytes(1 if count <= 256 else 2, "little") + text for number in range(count) for text in texts]


def conditions() -> list[bytes]:
    """Tags, days, hours, refs and addresses."""
    addresses = [b"https://github.com/octo/hello.git", b"git@github.com:a/b.git"]
    return [b'"1", *', b"2026-11-23", b"23:59:59", b"refs/heads/main", b"a" * 40, b"octo", *addresses]


RECIPE_WORDS = (
    "when", "event", "branch", "platforms", "matrix", "include", "exclude", "env", "image", "services", "cache",
    "paths", "key", "timeout", "stages", "run", "reports", "retry", "artifacts", "keep", "status", "secrets",
    "limits", "labels", "network", "once", "notify", "warnings", "name", "version", "<<: *a", "&a", "!!python",
    "? ",
)  # fmt: skip
FOREIGN_WORDS = (
    "jobs", "on", "runs-on", "steps", "uses", "with", "strategy", "script", "before_script", "task", "container",
    "pipeline", "${{ matrix.os }}", "${CI_X}", "only_if", "depends_on", "when", "<<: *a", "&a", "allow_failure",
)  # fmt: skip
REPORT_WORDS = (
    "<testsuite", "<testcase", "<failure", "name=", "not ok 1", "1..2", "# SKIP", '{"Action":"fail"', "<Site",
    "<Testing>", "<!DOCTYPE", "<!ENTITY", "&#27;", "---\n  ...",
)  # fmt: skip
TERMINAL_WORDS = ("\x1b[", "\x1b]8;;", "\x1b\\", "38;5;", "48;2;", "https://", "\x1b[2K", "\r")
LOG_WORDS = (
    "::group::", "::endgroup::", "##[group]", "section_start:1:a", "section_end:2:a", "--- ", "+++ ", "^^^ +++",
    "error: ",
)  # fmt: skip
PROBLEM_WORDS = (
    "error: ", "warning: ", "a.c:1:2: ", ".py:1: ", "FAILED ", "::error file=a,line=1::", "Traceback (most",
    " --> ", "panic: ",
)  # fmt: skip
IRC_WORDS = (
    "PRIVMSG", "JOIN", "PART", "KICK", "NICK", "CAP", "AUTHENTICATE", "+", "353", "354", "005", "BATCH", "@time=",
    ":hub!u@h ",
)  # fmt: skip
