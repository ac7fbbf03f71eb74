"""What all readers of test reports share: how a case is made, and what bounds it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hubwright.domain.places import find_places, read_number
from hubwright.wire import Case

MAX_CASES = 20_000
"""Cases of a stage that are kept, unless the hub says otherwise."""

MAX_MESSAGE = 16_000
"""Characters of a failure's message: the first three quarters and the last one are kept."""

_NAME = 500
_OUTPUT = 2_000
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")


class UnreadableReportError(ValueError):
    """The file is no test report, or not to its end: why, in one sentence. `cases` are those before the end."""

    def __init__(self, message: str, cases: Sequence[Case] = ()) -> None:
        self.cases = list(cases)
        super().__init__(message)


def make_case(
    names: tuple[str, str, str],
    result: str,
    seconds: float | None = None,
    message: str = "",
    place: tuple[str | None, str | int | None] = (None, None),
    *,
    flaky: bool = False,
) -> Case:
    """A case within its bounds. `names` are suite, classname and name; `place` is the report's file and line.

    Where it has none, the place is looked for in the message of a failure.
    """
    message = bound_text(clean_text(message))
    failed = result in {"failed", "error"}
    file, line = choose_place(place, names[1], message if failed else "")
    suite, classname, name = (_clean_name(text) for text in names)
    return Case(
        suite=suite,
        classname=classname,
        name=name,
        result=result,
        seconds=seconds,
        message=message,
        file=file,
        line=line,
        flaky=flaky,
    )


def choose_place(said: tuple[str | None, str | int | None], classname: str, message: str) -> tuple[str, int | None]:
    """File and line: what the report `said`, with the line of the message where that names the same file.

    Of a message alone the place in the file that is named as the class, else the likeliest. Paths are as printed;
    whoever knows the workspace makes them relative.
    """
    file, line = (said[0] or "").strip()[:_NAME], said[1]
    places = list(find_places(message)) if message else []
    if file:
        same = next((one.line for one in places if _last(one.file) == _last(file)), None)
        return file, same or (read_number(str(line)) if line is not None else None)
    stem = classname.partition("$")[0].rpartition(".")[2]
    fitting = [one for one in places if stem and _last(one.file).partition(".")[0] == stem] or places
    return (fitting[0].file, fitting[0].line) if fitting else ("", None)


def _last(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def bound_text(text: str, most: int = MAX_MESSAGE) -> str:
    """The text, or its first three quarters and its last one with a line between that says what is missing."""
    if len(text) <= most:
        return text
    head, tail = text[: most * 3 // 4], text[-(most // 4) :]
    return f"{head}\n… {len(text) - len(head) - len(tail)} characters left out …\n{tail}"


def add_output(message: str, kind: str, text: str) -> str:
    """A failure's message with the end of what the test printed."""
    text = text.strip()
    if not text or text in message:
        return message
    shown = text if len(text) <= _OUTPUT else "…" + text[-_OUTPUT:]
    return f"{message}\n--- {kind}\n{shown}" if message else shown


def clean_text(text: str) -> str:
    """Without escapes and other control characters than newline and tab."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return (
        "".join(char if char >= " " or char in "\n\t" else "\ufffd" for char in text) if _has_controls(text) else text
    )


def read_seconds(text: str | None) -> float | None:
    """A time: `0.25`, `1,234.5` with thousands, `0,25` with a decimal comma; None for anything else."""
    text = (text or "").strip().removesuffix("s").rstrip()
    if "," in text:
        thousands = re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?", text)
        text = text.replace(",", "" if thousands else ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _clean_name(text: str) -> str:
    return clean_text(" ".join(text.split("\n")))[:_NAME]


def _has_controls(text: str) -> bool:
    return any(char < " " and char not in "\n\t" for char in text)
