"""The black box as people and programs see it: verdict first, charts, processes, last words; hostile names are text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from hubwright.hub.flights import Flight
from hubwright.store.recordings import Data, Kept, keep_recording
from hubwright.web.pages.recorder import WIDTH, arrange, draw_charts
from hubwright.web.site import Site
from hubwright.wire import Machine, Point, Process, RunVitals, Usage, Vitals
from seed import Seed, seed_week, serving
from served import served_site

GB = 10**9
HOSTILE = "<img src=x onerror=alert(1)>\u202ecc"


def point(at: float, memory: int = 3 * GB) -> Point:
    machine = Machine(at=at, memory=memory, memory_total=8 * GB, disk_free=5 * GB, disk_total=9 * GB, load=2.5, cpu=80)
    return Point(machine=machine, usage=Usage(memory=GB, processes=2))


PROCESSES = (Process(pid=7, parent=6, name=HOSTILE, memory=GB), Process(pid=6, parent=1, name="make", cpu=12.3))


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[tuple[httpx2.Client, Site, int, int]]:
    """A build of the week whose run was lost, as the database has it."""
    seed = Seed(tmp_path)
    ids = seed_week(seed)
    build = seed.build(seed.job("core/lost", "octo/lost"), 1, 500, repository="octo/lost")
    output = "".join(f"line {number}\r\n" for number in range(3, 90))
    run = seed.run(build, [("build", "finished", "error", output)], 500, finished_at=seed.now)
    seed.close()
    with serving(tmp_path) as (address, site), httpx2.Client(base_url=address) as client:
        yield client, site, build, run
    assert ids


def test_the_verdict_stands_before_the_last_minute_and_the_last_words(
    lost: tuple[httpx2.Client, Site, int, int],
) -> None:
    """Issue 3: last output, vitals and verdict are on the page; the names of processes are data (S31)."""
    client, site, build, run = lost
    points = tuple(point(float(at)) for at in range(30))
    kept = Kept(run_id=run, lease=1, builder="anvil", cause="killed", sentence=f"Killed: {HOSTILE}.", seen_at=29.0)
    site.database.write(lambda connection: keep_recording(connection, replace(kept, data=Data(points=points))))
    site.database.write(lambda c: keep_recording(c, replace(kept, data=Data(points=points, processes=PROCESSES))))

    page = client.get(f"/builds/{build}", headers={"Accept": "text/html"}).text

    box = page.partition('id="recorder"')[2].partition('id="problems"')[0]
    assert box.index("Killed: ") < box.index("<polyline") < box.index("make")
    assert "Last words" not in box  # they stand with the problem, once
    assert box.count('class="chart') - box.count('class="charts"') == 4
    assert "3.0 GB of 8.0 GB" in box
    assert "<img src=x" not in page
    assert "line 89" in page


def test_a_run_that_ended_by_itself_has_no_black_box(lost: tuple[httpx2.Client, Site, int, int]) -> None:
    """Nothing is shown where nothing is known; a builder that was only away for a moment is no verdict."""
    client, site, build, run = lost
    site.database.write(lambda connection: keep_recording(connection, Kept(run_id=run, lease=1, builder="anvil")))

    assert "Black box" not in client.get(f"/builds/{build}", headers={"Accept": "text/html"}).text


def test_the_api_tells_the_same(tmp_path: Path) -> None:
    """For programs: cause, samples, processes; a run that goes on tells its minute so far; else there is nothing."""
    flight = Flight()
    flight.points.append(point(1.0))
    with served_site(tmp_path, flight_of={2: flight}.get) as served:
        served.rows.keep_job()
        served.rows.keep_build(1)
        for run, state in ((1, "finished"), (2, "running"), (3, "running")):
            served.rows.keep_run(run, 1, state=state)
        samples = Data(points=(point(1.0), point(2.0)), processes=PROCESSES)
        kept = Kept(run_id=1, lease=1, builder="anvil", cause="killed", sentence="Killed: so.", data=samples)
        served.site.database.write(lambda connection: keep_recording(connection, kept))

        lost, live = (served.client.get(f"/api/v1/runs/{run}/recorder").json() for run in (1, 2))
        missing = served.client.get("/api/v1/runs/3/recorder")

    assert (lost["cause"], lost["live"], lost["builder"], len(lost["samples"])) == ("killed", False, "anvil", 2)
    assert lost["processes"][0] == {"pid": 7, "parent": 6, "name": HOSTILE, "cpu": 0.0, "memory": GB}
    assert lost["samples"][0]["run"]["memory"] == GB
    assert (live["live"], live["cause"], len(live["samples"])) == (True, None, 1)
    assert missing.status_code == 404
    assert "Nothing was recorded" in missing.json()["detail"]


def test_a_minute_is_drawn_with_its_holes() -> None:
    """A freeze is seen as a gap, not bridged by a line; what is older than a minute is left out."""
    points = [point(float(at)) for at in range(100) if not 60 < at < 80]

    memory = draw_charts(points)[1]

    first, second = memory.lines
    assert len(first.split()) == 22
    assert second.endswith(f"{WIDTH:.1f},{second.rpartition(',')[2]}")
    assert not memory.full
    assert draw_charts([point(1.0, memory=8 * GB)])[1].full
    assert draw_charts([Point(machine=Machine(at=1.0), usage=Usage())])[0].lines


def test_processes_are_a_tree_whatever_their_parents_say() -> None:
    """Also in a circle, which a builder could make up: each is shown at most once, and it ends."""
    assert [(row.depth, row.process.pid) for row in arrange(PROCESSES)] == [(0, 6), (1, 7)]
    circle = (
        Process(pid=1, parent=2, name="a"),
        Process(pid=2, parent=1, name="b"),
        Process(pid=3, parent=0, name="c"),
    )
    assert [row.process.pid for row in arrange(circle)] == [3]
    assert arrange((Process(pid=1, parent=1, name="a"),)) == []


def test_a_flight_is_bounded() -> None:
    """One more sample pushes the oldest out."""
    flight = Flight()
    for at in range(100):
        run = RunVitals(run=1, lease=1, usage=Usage(memory=at), processes=PROCESSES[:1] if at == 5 else ())
        flight.add(Vitals(machine=Machine(at=float(at)), runs=(run,)), run)

    assert [flight.points[0].usage.memory, flight.points[-1].usage.memory] == [40, 99]
    assert flight.processes[0].pid == 7
