"""A run may not fill its builder's disk: neither its workspace nor what its containers write."""

from __future__ import annotations

from pathlib import Path

from builder_process import hub_and_builder, open_folder, scenario
from container_images import IMAGE
from hub_stand_in import payload
from hubwright.domain.verdicts import Cause
from hubwright.wire import Result, ServiceWish
from servers import url_of

FILL = "trap '' TERM; echo begun; while :; do head -c 2000000 /dev/zero >> big; sleep 0.01; done"
CONTAINERS = ("--executor", "container", "--pull", "never")


def is_about_disk(result: Result, most: str) -> bool:
    assert result.result == "failure", result
    assert result.detail == f"Disk full: the run's files take more than {most}, which is all that they may."
    assert result.recording is not None
    return result.recording.cause == Cause.DISK


@scenario
async def test_a_run_that_writes_without_end_is_ended(tmp_path: Path) -> None:
    """By the builder's bound, at once and by force: every second of grace would be written full. Its files are gone.

    The code's failure, as with memory, and the verdict says "disk full"; the next run has its room again.
    """
    async with hub_and_builder(tmp_path, "--disk", "20MB") as (hub, builder):
        told = await hub.build(payload({"name": "fill", "run": FILL}, {"name": "next", "run": "true"}))
        result = await hub.result(told, 40)
        assert is_about_disk(result, "21.0 MB")
        assert told.stage_results() == {0: "failure", 1: "skip"}
        assert b"Disk full: the run's files take more than" in told.log
        await hub.until(lambda: not list((builder.work_dir / "trees").glob("*")))
        modest = await hub.result(await hub.build(payload({"name": "a", "run": "head -c 1M /dev/zero > x"}), run=2))

    assert modest.result == "success"


@scenario
async def test_a_recipe_may_want_less_and_not_more(tmp_path: Path) -> None:
    """`limits: {disk: …}`, as the other limits."""
    limits: dict[str, float] = {"disk": 5_000_000}
    async with hub_and_builder(tmp_path, "--disk", "1GB") as (hub, _):
        told = await hub.build(payload({"name": "fill", "run": FILL}, limits=limits))
        assert is_about_disk(await hub.result(told, 40), "5.0 MB")
    async with hub_and_builder(tmp_path, "--disk", "10MB") as (hub, _):
        told = await hub.build(payload({"name": "fill", "run": FILL}, limits={"disk": 1e12}), run=2)
        assert is_about_disk(await hub.result(told, 40), "10.5 MB")


@scenario
async def test_what_containers_write_beside_the_workspace_counts() -> None:
    """A service has no workspace: it writes over its image, on the daemon's disk."""
    greedy = ServiceWish(
        name="greedy",
        image=IMAGE,
        command="cd /var/lib; while :; do head -c 2000000 /dev/zero >> big; sleep 0.01; done",
    )
    with open_folder() as folder:
        options = (*CONTAINERS, "--service-root", "--docker-host", url_of("docker"), "--disk", "30MB")
        async with hub_and_builder(folder, *options) as (hub, _):
            stage = {"name": "wait", "image": IMAGE, "run": "sleep 600"}
            result = await hub.result(await hub.build(payload(stage, services=(greedy,))), 60)
            assert is_about_disk(result, "31.5 MB")
