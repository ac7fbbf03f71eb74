"""`hubwright`, and `python -m hubwright`."""

from __future__ import annotations

import os
import sys
from types import TracebackType

from hubwright.cli import run_program


def main() -> None:
    """Run the program and end with its exit code."""
    if not os.environ.get("HUBWRIGHT_DEBUG"):
        sys.excepthook = _explain
    sys.exit(run_program(sys.argv[1:]))


def _explain(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """A fault of Hubwright's own, as one line: nobody should have to read a traceback unasked."""
    print(
        f"Error: unexpected {kind.__name__}: {error}. This is a fault in Hubwright; "
        "HUBWRIGHT_DEBUG=1 shows where, please report it.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
