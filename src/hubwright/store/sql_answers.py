"""What a question in SQL may cost, and what it is answered."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

Cell = str | int | float | bool | None

MAX_CELL = 100_000
"""Characters of a value; more are cut."""

_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that a question may have: rows, seconds, and characters of all values."""

    rows: int = 1000
    seconds: float = 10.0
    size: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """An answer. `cut` says which bound ended it early: rows, size, or none."""

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    cut: str | None = None
    seconds: float = 0.0


def collect(columns: Sequence[str], rows: Iterable[Sequence[object]], bounds: Bounds) -> Found:
    """The answer from rows as a driver gives them, read no further than the bounds."""
    kept: list[tuple[Cell, ...]] = []
    left = bounds.size
    for row in rows:
        if len(kept) == bounds.rows:
            return Found(tuple(columns), kept, "rows")
        cells = tuple(_simplify(value) for value in row)
        left -= sum(len(cell) if isinstance(cell, str) else 8 for cell in cells)
        if left < 0:
            return Found(tuple(columns), kept, "size")
        kept.append(cells)
    return Found(tuple(columns), kept)


def _simplify(value: object) -> Cell:
    """The value as JSON and CSV know it; bytes as hexadecimal digits, numbers beyond 64 bits as text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Decimal):
        value = int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, int):
        return value if -_LARGEST <= value < _LARGEST else str(value)[:MAX_CELL]
    if isinstance(value, bytes):
        return "\\x" + value[: MAX_CELL // 2].hex()
    if isinstance(value, float):
        return value
    text = str(value)
    return text if len(text) <= MAX_CELL else text[:MAX_CELL] + "…"


def write_objects(found: Found) -> list[dict[str, Cell]]:
    """The rows as objects; of columns with the same name the later ones are `name_2`, `name_3`."""
    names: list[str] = []
    for name in found.columns:
        count = sum(each == name for each in found.columns[: len(names)]) + 1
        names.append(name if count == 1 else f"{name}_{count}")
    return [dict(zip(names, row, strict=True)) for row in found.rows]


def write_csv(found: Found, *, for_sheets: bool = False) -> str:
    """The answer as CSV (RFC 4180). `for_sheets`: texts that a spreadsheet would take for formulas begin with a quote.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    out = io.StringIO()
    writer = csv.writer(out)
    for row in (found.columns, *found.rows):
        writer.writerow([_calm(cell) for cell in row] if for_sheets else row)
    return out.getvalue()


def _calm(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
