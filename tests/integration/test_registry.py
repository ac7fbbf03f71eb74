"""Images from a real registry that wants a password: by tag and digest, and every way in which it can't be had."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder_process import hub_and_builder, open_folder, scenario
from container_images import IMAGE
from hub_stand_in import payload
from hubwright.wire import Images, ServiceWish
from registry_server import USER, push, start_registry, write_passwords
from server_programs import Process, Processes
from servers import url_of


@dataclass(frozen=True)
class Shelf:
    """A registry with one image, `name` at `digest`."""

    server: Process
    processes: Processes
    address: str
    name: str
    digest: str
    folder: Path

    @property
    def options(self) -> tuple[str, ...]:
        """Those of a builder that knows the registry's password."""
        file = write_passwords(self.folder / "passwords.json", self.address)
        return ("--executor", "container", "--docker-host", url_of("docker"), "--registry-auth", str(file))


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with open_folder() as folder:
        processes = Processes(folder)
        server, address = start_registry(processes)
        name = f"{address}/team/tools"
        yield Shelf(server, processes, address, name, push(url_of("docker"), IMAGE, f"{name}:1", folder / "x"), folder)
        processes.end()


@scenario
async def test_images_are_pulled_by_tag_and_by_digest(shelf: Shelf) -> None:
    """With the password, which is nowhere in log or messages; the digest is told, whichever way it was named.

    A fork gets no password; what lies on the machine already it may use.
    """
    by_digest = f"{shelf.name}@{shelf.digest}"
    async with hub_and_builder(shelf.folder, *shelf.options) as (hub, _):
        fork = await hub.build(payload({"name": "a", "image": by_digest, "run": "true"}, trust="untrusted"), run=1)
        refused = await hub.result(fork, 40)
        told = await hub.build(
            payload(
                {"name": "a", "image": by_digest, "run": "echo $OF_THE_IMAGE"},
                services=(ServiceWish(name="s", image=f"{shelf.name}:1", command="exec sleep 60"),),
            ),
            run=2,
        )
        result = await hub.result(told, 40)
        late = await hub.build(payload({"name": "a", "image": by_digest, "run": "true"}, trust="untrusted"), run=3)
        allowed = await hub.result(late, 40)

    assert (result.result, result.detail) == ("success", "")
    (images,) = told.of(Images)
    assert [(one.name, one.digest) for one in images.images] == [
        (by_digest, shelf.digest), (f"{shelf.name}:1", shelf.digest),
    ]  # fmt: skip
    assert len({one.id for one in images.images}) == 1
    assert b"\nyes\n" in told.log
    assert b"pass:word" not in told.log
    assert (refused.result, allowed.result) == ("error", "success")
    assert "its registry wants a password and this run has none" in refused.detail


@scenario
async def test_what_can_not_be_had_is_the_builders_error_in_one_sentence(shelf: Shelf) -> None:
    """Never the code's failure: no such image, tag, digest or host; a wrong password; the registry away."""
    wanted = {
        f"{shelf.name}:2": "its registry has no such image, tag or digest",
        f"{shelf.address}/team/none:1": "its registry has no such image, tag or digest",
        f"{shelf.name}@sha256:{'a' * 64}": "its registry has no such image, tag or digest",
        "127.0.0.1:1/none:1": "its registry can't be reached",
    }
    async with hub_and_builder(shelf.folder, *shelf.options) as (hub, _):
        for number, (name, why) in enumerate(wanted.items(), 1):
            told = await hub.build(payload({"name": "a", "image": name, "run": "true"}), run=number)
            result = await hub.result(told, 40)
            assert result.result == "error", name
            assert result.detail.startswith(f"The image {name} can't be pulled: {why} ("), result.detail
            assert told.stage_results() == {0: "skip"}
        write_passwords(shelf.folder / "passwords.json", shelf.address, "wrong")
        told = await hub.build(payload({"name": "a", "image": f"{shelf.name}:1", "run": "true"}), run=10)
        result = await hub.result(told, 40)
        assert result.result == "error"
        assert "its registry refuses the password of --registry-auth" in result.detail
        assert "wrong" not in result.detail
        assert USER not in result.detail


@scenario
async def test_a_registry_that_hangs_or_is_away_holds_nobody_for_ever(shelf: Shelf) -> None:
    """The run's time limit holds for pulling too; a registry that is back is asked again by the next run."""
    stage = {"name": "a", "image": f"{shelf.name}:1", "run": "true"}
    async with hub_and_builder(shelf.folder, *shelf.options) as (hub, _):
        shelf.server.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        told = await hub.build(payload(stage, timeout=2), run=1)
        result = await hub.result(told, 40)
        assert (result.result, result.detail) == ("timeout", "The run took longer than 2 s.")
        assert time.monotonic() - began < 30
        shelf.server.kill()
        shelf.server.wait()
        result = await hub.result(await hub.build(payload(stage), run=2), 40)
        assert result.result == "error"
        assert "its registry can't be reached" in result.detail
        start_registry(shelf.processes, int(shelf.address.rpartition(":")[2]))
        result = await hub.result(await hub.build(payload(stage), run=3), 40)

    assert (result.result, result.detail) == ("success", "")
