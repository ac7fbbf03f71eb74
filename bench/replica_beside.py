"""`python -m bench.replica_beside [--issues N] [--rounds N]`: the copy beside github-to-sqlite, on the same answers.

Both load, twice, from one replay server of recorded answers (tests/recordings): a repository's 150 issues and a user's
203 repositories as they were recorded, and N issues made of the recorded ones with numbers of their own. The peer has
GitHub's address built in; the program that starts it here replaces that, and nothing else.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import psutil

from bench.installation import Installation, running
from bench.replica_load import count_rows

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from recorded import GITHUB, Exchange, github3_tapes
from replay_server import ReplayServer

PEER = "github-to-sqlite==2.9.1"
_START = """
import sys, requests
get = requests.get
requests.get = lambda url, **more: get(url.replace("https://api.github.com", sys.argv[1], 1), **more)
from github_to_sqlite.cli import cli
try:
    cli(sys.argv[2:])
finally:
    open("peak", "w").write(open("/proc/self/status").read())
"""
TURNS = ("first", "again, nothing changed")
_BETAMAX = "/repos/betamaxpy/betamax"


@dataclass(frozen=True)
class Wish:
    """What is loaded: our door, and the peer's command with the place of its database in the middle."""

    title: str
    items: int
    door: str
    command: str
    argument: str


@dataclass(frozen=True)
class Told:
    """What a load cost; `full` answers were sent whole, `same` as 304."""

    seconds: float
    processor: float
    memory: float
    full: int
    same: int
    rows: int

    def show(self, items: int) -> str:
        """In words."""
        return (
            f"{self.seconds:6.2f} s ({items / self.seconds:7,.0f} items/s), {self.processor:5.1f} s of processor, "
            f"{self.memory:4.0f} MB at most, {self.full} answers sent whole, {self.same} confirmed, {self.rows:,} rows"
        )


def make_wishes(issues: int) -> list[Wish]:
    """The three lists; the last one has so many issues, a multiple of 100."""
    return [
        Wish("recorded, issues of a repository", 150, f"{_BETAMAX}/issues", "issues", "betamaxpy/betamax"),
        Wish("recorded, repositories of a user", 203, "/users/dstufft/repos", "repos", "dstufft"),
        Wish("made of these", issues, "/repos/octo/many/issues", "issues", "octo/many"),
    ]


def main() -> None:
    """Measure and show."""
    options = _read_options()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ReplayServer(make_answers(options.issues)) as replay:
        python = install(Path(name))
        print(f"github-to-sqlite starts in {_time_start(python):.2f} s, which is in its times")
        for wish in make_wishes(options.issues):
            print(f"\n{wish.title}: {wish.items:,} items")
            rounds = [
                _measure(wish, replay, python, Path(name) / f"{wish.command}{wish.items}-{n}")
                for n in range(options.rounds)
            ]
            for title in rounds[0]:
                print(f"  {title:32}", _middle([told[title] for told in rounds]).show(wish.items))
        print(f"\nload average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores; middle of {options.rounds} rounds")


def make_answers(count: int) -> list[Exchange]:
    """The recorded answers, and lists made of them."""
    tapes = [one for one in github3_tapes() if one.method == "GET" and one.status == 200]
    issues = [_complete(one) for one in tapes if one.tape == "github3 Repository_issues_state_all"]
    repositories = [_complete(one) for one in tapes if one.tape == "github3 GitHub_repositories_by"]
    whole = next(one for one in issues if one.url == "/repositories/11439734")
    account = repositories[0].json[0]["owner"]
    made = [
        replace(whole, url="/users/dstufft", body=orjson.dumps(account), headers=_plain(whole)),
        replace(whole, url=_BETAMAX),
    ]
    return [*issues, *repositories, *made, *_make_issues(issues, whole, count)]


def _complete(one: Exchange) -> Exchange:
    """With what GitHub has added since and the peer fails without: descriptions of labels, repositories' licences."""
    document = one.json
    for item in document if isinstance(document, list) else (document,):
        if "full_name" in item:
            item.setdefault("license", None)
        for label in item.get("labels", ()):
            label.setdefault("description", None)
    return replace(one, body=orjson.dumps(document))


def _make_issues(issues: list[Exchange], whole: Exchange, count: int) -> list[Exchange]:
    """As many as asked for, on pages as GitHub has them."""
    known = [item for one in issues if one.path.endswith("/issues") for item in one.json]
    place, number = "/repos/octo/many", 2**40
    document = {
        **whole.json,
        "id": number,
        "name": "many",
        "full_name": "octo/many",
        "owner": {**whole.json["owner"], "login": "octo"},
    }
    made = [replace(whole, url=place, body=orjson.dumps(document), headers=_plain(whole))]
    for first in range(0, count + 1, 100):  # after a full page one more is asked for, which is empty
        page, last = first // 100 + 1, -(-count // 100)
        numbers = range(first, min(first + 100, count))
        items = [{**known[n % len(known)], "id": number + n, "number": n + 1} for n in numbers]
        links = {"next": page + 1, "last": last} if page < last else {}
        link = ", ".join(f'<{GITHUB}/repositories/{number}/issues?page={at}>; rel="{rel}"' for rel, at in links.items())
        headers = {**_plain(whole), "etag": f'W/"page-{page}"', **({"link": link} if link else {})}
        url = f"/repositories/{number}/issues?page={page}" if page > 1 else f"{place}/issues"
        made.append(replace(whole, url=url, body=orjson.dumps(items), headers=headers))
    return made


def _plain(one: Exchange) -> dict[str, str]:
    return {name: value for name, value in one.headers.items() if name in {"date", "content-type"}}


def _measure(wish: Wish, replay: ReplayServer, python: Path, folder: Path) -> dict[str, Told]:
    """Both programs, both times, each on a database of its own."""
    own = load_twice(wish, replay, folder / "own")
    peer = run_twice(wish, replay, python, folder / "peer")
    found = {f"Hubwright, {turn}": told for turn, told in zip(TURNS, own, strict=True)}
    return found | {f"github-to-sqlite, {turn}": told for turn, told in zip(TURNS, peer, strict=True)}


def load_twice(
    wish: Wish, replay: ReplayServer, folder: Path, where: Mapping[str, str] | None = None, hubs: int = 1
) -> list[Told]:
    """By hubs of its own in `folder`; `where` are the settings that name a database there, and the broker."""
    settings = {"GITHUB__API_URL": replay.url, "GITHUB__TOKEN": "ghp_bench", "GITHUB__POINTS_PER_MINUTE": "1000000"}
    with running(hubs, folder, {**settings, **(where or {})}) as installation:
        return [_count_answers(replay, lambda: _load(installation, wish.door)) for _ in TURNS]


def run_twice(wish: Wish, replay: ReplayServer, python: Path, folder: Path) -> list[Told]:
    """By the peer, into a database in the new `folder`."""
    folder.mkdir(parents=True)
    (folder / "auth.json").write_text('{"github_personal_token": "ghp_bench"}')
    return [_count_answers(replay, lambda: _run(python, replay, wish, folder)) for _ in TURNS]


def _count_answers(replay: ReplayServer, load: Callable[[], Told]) -> Told:
    replay.asked.clear()
    told = load()
    states = [status for _, status in replay.asked]
    assert 404 not in states, replay.asked
    return replace(told, full=states.count(200), same=states.count(304))


def _load(installation: Installation, door: str) -> Told:
    """Asked for at the first hub, looked after at the last; the cost is that of all processes."""
    first, last = installation.hubs[0], installation.hubs[-1]
    processes = [psutil.Process(pid) for pid in installation.pids()]
    rows, spent, begun = count_rows(first), sum(map(_spent, processes)), time.perf_counter()
    location = first.client.post(f"/load{door}").raise_for_status().headers["location"]
    while (state := last.client.get(location).json())["state"] not in {"done", "failed"}:
        time.sleep(0.01)
    seconds = time.perf_counter() - begun
    assert state["state"] == "done", state
    memory = max(_read_peak(Path(f"/proc/{process.pid}/status")) for process in processes)
    return Told(seconds, sum(map(_spent, processes)) - spent, memory, 0, 0, count_rows(first) - rows)


def _run(python: Path, replay: ReplayServer, wish: Wish, folder: Path) -> Told:
    database = folder / "peer.db"
    argv = [str(python), "-c", _START, replay.url, wish.command, str(database), wish.argument, "-a", "auth.json"]
    rows, begun = _count_all(database), time.perf_counter()
    process = subprocess.Popen(argv, cwd=folder)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    seconds = time.perf_counter() - begun
    return Told(seconds, used.ru_utime + used.ru_stime, _read_peak(folder / "peak"), 0, 0, _count_all(database) - rows)


def _count_all(database: Path) -> int:
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        plain = [name for name in names if "_fts" not in name]
        return sum(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in plain)


def _middle(rounds: list[Told]) -> Told:
    fields: Mapping[str, Any] = {
        name: statistics.median(getattr(told, name) for told in rounds) for name in Told.__dataclass_fields__
    }
    return Told(**{**fields, **{name: round(fields[name]) for name in ("full", "same", "rows")}})


def install(folder: Path) -> Path:
    """The peer in an environment of its own below `folder`; its Python."""
    venv.create(folder / "peer", with_pip=True)
    python = folder / "peer" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True, stderr=subprocess.DEVNULL)
    return python


def _time_start(python: Path) -> float:
    begun = time.perf_counter()
    argv = [python, "-c", _START, "http://x", "--version"]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=python.parent)
    return time.perf_counter() - begun


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _read_peak(status: Path) -> float:
    """The most memory that a process ever had, in megabytes."""
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
    return int(found[1]) / 1e3 if found else 0.0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--issues", type=int, default=1_000, help="a multiple of 100")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    main()
