"""The lines of a build file that a problem is about, for logs and pages."""

from __future__ import annotations

from hubwright.errors import RecipeError

_WIDTH = 120
_MOST = 20


def recipe_excerpt(text: str, line: int, context: int = 2, column: int | None = None) -> str:
    """The line and `context` lines on both sides, numbered, with a caret below `column` (else below the first word).

    Control characters become blanks and long lines are cut, so that the excerpt may be shown anywhere.
    """
    lines = text.splitlines() or [""]
    line = min(max(line, 1), len(lines))
    first, last = max(1, line - context), min(len(lines), line + context)
    digits = len(str(last))
    shown: list[str] = []
    for number in range(first, last + 1):
        content = lines[number - 1]
        at = column if column is not None else len(content) - len(content.lstrip()) + 1
        start = max(0, at - _WIDTH // 2) if number == line and at > _WIDTH else 0
        visible = "".join(c if c.isprintable() else " " for c in content[start : start + _WIDTH])
        shown.append(f"{number:>{digits}} | {visible}".rstrip())
        if number == line:
            shown.append(" " * digits + " | " + " " * (min(at, len(content) + 1) - 1 - start) + "^")
    return "\n".join(shown)


def problem_report(error: RecipeError, text: str) -> str:
    """The whole log of a build whose recipe is bad: each problem with its lines, the first 20 of them."""
    parts = [
        f"{error.file}:{line}:{column}: {message}\n{recipe_excerpt(text, line, column=column)}\n"
        for line, column, message in error.problems[:_MOST]
    ]
    left = len(error.problems) - _MOST
    return "\n".join(parts + ([f"… and {left} more problems.\n"] if left > 0 else []))
