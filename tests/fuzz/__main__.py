"""`python -m fuzz`: search for inputs that break a promise, keep what reaches more, and write down how far it got.

    cd tests && ../.venv/bin/python -m fuzz --seconds 60             # of CPU for each target
    cd tests && ../.venv/bin/python -m fuzz recipe report            # these only
    cd tests && ../.venv/bin/python -m fuzz --replay findings/ansi/* # what a file does

What breaks a target is kept in `findings/NAME/`; the exit code is 1 then. `tests/fuzz/test_corpus.py` reads all again.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from fuzz.corpus import FOLDER, keep_corpus, lines_reached, load_corpus, load_findings, minimise, name_of
from fuzz.figures import Figures, keep_figures
from fuzz.targets import TARGETS


def main() -> int:
    """Search the targets that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=" ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60, help="of CPU for each target (default 60)")
    parser.add_argument("--replay", nargs="+", type=Path, metavar="FILE", help="read files of findings again")
    asked = parser.parse_args()
    if asked.replay:
        for file in asked.replay:
            print(file, "understood" if TARGETS[file.absolute().parent.name].read(file.read_bytes()) else "refused")
        return 0
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: `make fuzz` does it, on Linux and macOS with CPython")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        return search(Path(folder), asked.targets or list(TARGETS), asked.seconds)


def search(folder: Path, names: list[str], seconds: float) -> int:
    """Search these targets; 1 where something was found, 2 where the search broke off."""
    for name in names:
        _prepare(folder / name, name)
    argv = [sys.executable, "-m", "fuzz.search", str(seconds), str(folder), *names]
    broken, done = 0, 0
    with (
        (folder / "said").open("w") as said,  # atheris tells there of each module
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        for line in process.stdout or ():
            name, used = line.split()
            broken += _collect(folder / name, name, float(used))
            done += 1
    if done < len(names):
        print((folder / "said").read_text()[-3000:])
        return 2
    return int(broken > 0)


def _prepare(place: Path, name: str) -> None:
    """What the search begins with: what is known and breaks nothing."""
    for part in ("corpus", "found"):
        (place / part).mkdir(parents=True)
    findings = load_findings(name).values()
    for data in (*TARGETS[name].seeds(), *load_corpus(name)):
        if data not in findings:
            (place / "corpus" / name_of(data)).write_bytes(data)
    (place / "words").write_text("".join(f"{_entry(word)}\n" for word in (*TARGETS[name].words, "\0")))


def _collect(place: Path, name: str, used: float) -> int:
    """Keep what was found, and the figures; how many findings there are."""
    said = (place / "log").read_text(errors="replace")
    tried = int((place / "tried").read_text()) if (place / "tried").exists() else 0  # none: it broke off
    broken = [path.read_bytes() for path in (place / "found").iterdir()]
    for data in broken:
        kept = FOLDER / "findings" / name / name_of(data)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
        print(f"{name}: FOUND {kept.relative_to(FOLDER)}")
    if broken or not tried:
        print("\n".join(line for line in said.splitlines() if not line.startswith("#")))
    inputs, steps = minimise(TARGETS[name], (path.read_bytes() for path in (place / "corpus").iterdir()))
    reached, lines = lines_reached(TARGETS[name], steps)
    figures = Figures(tried, round(used), keep_corpus(name, inputs), len(steps), reached, lines)
    keep_figures(name, figures, datetime.now(UTC).date())
    print(f"{name}: {figures}", flush=True)
    return len(broken)


def _entry(word: str) -> str:
    return '"' + "".join(chr(one) if chr(one).isalnum() else f"\\x{one:02x}" for one in word.encode()) + '"'


if __name__ == "__main__":
    sys.exit(main())
