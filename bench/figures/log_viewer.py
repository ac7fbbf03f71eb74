"""A log of a million lines in a browser: how soon it is seen, how quick any line of it is, what it costs the hub."""

from __future__ import annotations

import random
import shutil
import time
from http.client import HTTPConnection

import orjson
from playwright.sync_api import Page, sync_playwright

from bench.figures.large_log import SOURCE
from bench.load import compile_program, quantile
from bench.machine import memory
from bench.measure import Figure, Ground, Row, Values, send_push
from bench.pushes import Pushes
from bench.subject import Hubwright
from bench.systems import NotHereError, System, Work, until

JUMPS = 40
PATIENCE = 300.0

_JUMP = """async (line) => {
  const begun = performance.now();
  location.hash = `#L${line}`;
  for (;;) {
    const box = document.getElementById(`L${line}`)?.getBoundingClientRect();
    const shown = box && box.top < innerHeight && box.bottom > 0;
    await new Promise(requestAnimationFrame);
    if (shown) return performance.now() - begun;
  }
}"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def measure(system: System, ground: Ground) -> Values:
    """Build it, open it, jump about in it, search it."""
    if not isinstance(system, Hubwright):
        raise NotHereError("its pages are other ones")
    chromium = shutil.which("chromium")
    if chromium is None:
        raise NotHereError("there is no chromium")
    program = compile_program(SOURCE, ground.folder)
    with ground.running(system, Work(command=str(program), slots=1)), sync_playwright() as playwright:
        push = Pushes().make()
        send_push(system.hook, push)
        until(lambda: system.count_builds() == 1, PATIENCE, "the build did not end", 0.05)
        run = system.find_run(push.sha)
        assert run is not None
        builds = orjson.loads(system.ask("GET", f"/api/v1/builds?sha={push.sha}"))["items"]
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            address = f"http://127.0.0.1:{system.reader_port}/builds/{builds[0]['id']}/runs/{run['id']}"
            return _read(browser.new_page(viewport={"width": 1280, "height": 800}), address, system, int(run["id"]))
        finally:
            browser.close()


def _wait(page: Page, truth: str) -> None:
    """The pages' policy lets nobody wait inside of them: that would be a string that is run."""
    until(lambda: bool(page.evaluate(truth)), PATIENCE, f"never true: {truth}", 0.02)


def _read(page: Page, address: str, system: Hubwright, run: int) -> Values:
    hub = system.processes()[system.reader]
    page.goto("about:blank")
    before = memory(hub)["rss"]
    values = {}
    for name in ("first", "again"):
        page.goto(address)
        _wait(page, f"{_PAINT} !== undefined")
        values[name] = page.evaluate(_PAINT) / 1000
    _wait(page, "document.querySelectorAll('#log .l').length >= 500")
    lines = int(page.get_attribute("#log", "data-lines") or 0)
    lots = random.Random(1)
    jumps = sorted(float(page.evaluate(_JUMP, lots.randint(1, lines))) for _ in range(JUMPS))
    values |= {"lines": lines, "jump p50": quantile(jumps, 0.5), "jump max": jumps[-1]}
    begun = time.perf_counter()
    found = _search(system, run, "00999999 cc")
    values |= {"search": time.perf_counter() - begun, "found": float(len(found))}
    values |= {"nodes": float(page.evaluate("document.querySelectorAll('*').length"))}
    return values | {"hub grown": memory(hub)["rss"] - before, "hub peak": memory(hub)["peak"]}


def _search(system: Hubwright, run: int, words: str) -> list[int]:
    connection = HTTPConnection("127.0.0.1", system.reader_port, timeout=60)
    try:
        connection.request("GET", f"/api/v1/runs/{run}/log/search?q={words.replace(' ', '%20')}")
        found: list[int] = orjson.loads(connection.getresponse().read())["lines"]
        return found
    finally:
        connection.close()


FIGURE = Figure(
    name="log_viewer",
    title="1,000,000 log lines (100 MB) in a browser",
    how="The build of the figure above has ended, and nobody has looked at its log yet. Chromium opens it twice "
    f"and goes to {JUMPS} lines anywhere, until each is in the window; then the last line is searched. Of two hubs "
    "it asks the second, whichever received the log.",
    rows=(
        Row("first", "until the log is seen, the first time", "s", 2, 1),
        Row("again", "until the log is seen, again", "s", 2, 1),
        Row("jump p50", "until a line anywhere is seen, median", "ms", 0, 150),
        Row("jump max", "… the slowest", "ms", 0, 150),
        Row("search", "search over all lines", "s", 2),
        Row("found", "lines found", "", 0, 1, more=True),
        Row("hub grown", "memory of the hub, more than before", "MB", 0, 50),
        Row("hub peak", "peak memory of the hub", "MB"),
        Row("nodes", "elements of the page after all that", "", 0),
        Row("lines", "lines", "", 0, 1_000_000, more=True),
    ),
    measure=measure,
    scaled=True,
)
