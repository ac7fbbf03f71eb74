"""`hubwright up` on an empty folder and ever after: the demo, the login link, the port, the database's folder."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from pathlib import Path

import httpx2

from hub_process import HubProcess, Program
from server_programs import free_port
from waiting import until

UP = ("up",)


class EmptyFolder(HubProcess):
    """A hub that has to do everything by itself: load its modules, make its tables."""

    cold = True

    def make_tables(self) -> None:
        """Nothing is there."""


def demo_builds(hub: HubProcess) -> list[dict[str, str]]:
    """The demo's builds once all have finished, oldest first."""

    def look() -> list[dict[str, str]]:
        found = hub.builds(job="hubwright/demo")
        return found if len(found) == 5 and all(build["state"] == "finished" for build in found) else []

    return list(reversed(until(look, 90, "the demo's five builds")))


def test_the_demo_shows_both_colours_and_stays(folder: Path) -> None:
    """A stranger's first minute: five commits, exactly one red; a second start keeps them and builds nothing anew."""
    with EmptyFolder(folder, UP) as hub:
        builds = demo_builds(hub)
        assert [build["result"] for build in builds] == ["success", "success", "failure", "success", "success"]
        assert "is ready at" in hub.said
        red = hub.get(f"builds/{builds[2]['id']}/problems")
        assert red["stages"][0]["stage"] == "test"
        rows = {name: hub.count_rows()[name] for name in ("build", "run", "delivery", "job", "gh_commit")}

        hub.stop()
        hub.start()
        assert hub.builds(job="hubwright/demo")[0]["id"] == builds[-1]["id"]
        until(lambda: [one for one in hub.get("builders")["items"] if one["state"] == "connected"], 30)
        assert {name: hub.count_rows()[name] for name in rows} == rows
        assert hub.get("ping")["state"] == "idle"


def test_a_login_link_works_once(folder: Path) -> None:
    """Whoever reads the terminal's history later finds a used link; the session's cookie is closed to scripts."""
    with HubProcess(folder, ("up", "--no-demo", "--no-builder")) as hub:
        found = re.search(r"Log in once with\s+(\S+)", until(lambda: "Log in once" in hub.said and hub.said))
        assert found is not None
        with httpx2.Client(base_url=hub.url, trust_env=False) as browser:
            answer = browser.get(found[1])
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            cookie = answer.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=lax" in cookie
            same_site = {"Sec-Fetch-Site": "same-origin"}
            assert browser.post("/api/v1/builds/1/cancel", json={}, headers=same_site).status_code == 404
            assert browser.post("/api/v1/builds/1/cancel", json={}).status_code == 403  # another site's page
        with httpx2.Client(base_url=hub.url, trust_env=False) as stranger:
            answer = stranger.get(found[1])
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
            assert stranger.post("/api/v1/builds/1/cancel", json={}).status_code == 401


def test_a_port_in_use_is_one_clear_line(folder: Path) -> None:
    """The commonest slip at a first start: exit code 1, what is wrong, what to do; nothing else is started."""
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        arguments = ("up", "--no-demo", "--port", str(port), "--data-dir", str(folder / "data"))
        program = Program(folder, "second", arguments, {})
        program.begin()
        assert program.process is not None
        assert program.process.wait(60) == 1
        (line,) = program.said.splitlines()
        assert line.startswith(f"Error: PORT {port} on 127.0.0.1 can't be used")
        assert "--port" in line


def test_a_folder_that_cannot_be_used_is_one_clear_line(folder: Path) -> None:
    """A file where the data folder should be."""
    (folder / "data").write_text("not a folder")
    environment = {"HUBWRIGHT_DATA_DIR": str(folder / "data")}
    program = Program(folder, "up", ("up", "--port", str(free_port())), environment)
    program.begin()
    assert program.process is not None
    assert program.process.wait(60) == 1
    (line,) = program.said.splitlines()
    assert line.startswith(f"Error: DATA_DIR {folder}/data can't be used")
