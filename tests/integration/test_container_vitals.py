"""The black box sees into containers: their processes are the daemon's children, and the run's all the same."""

from __future__ import annotations

import asyncio
from collections import Counter

from builder_process import hub_and_builder, open_folder, scenario
from container_images import IMAGE
from hub_stand_in import HubStandIn, payload
from hubwright.domain.verdicts import Cause
from hubwright.wire import RunVitals, ServiceWish, Vitals
from servers import url_of

SERVICE = ServiceWish(name="web", image=IMAGE, command="mkdir /tmp/w; exec httpd -f -p 8080 -h /tmp/w")


def seen(hub: HubStandIn, *names: str) -> RunVitals | None:
    """The newest vitals of run 1 that have processes of these names, as many of each as named."""
    told = [run for message in hub.others if isinstance(message, Vitals) for run in message.runs if run.run == 1]
    wanted = Counter(names)
    return next((run for run in reversed(told) if wanted <= Counter(one.name for one in run.processes)), None)


@scenario
async def test_processes_of_stages_and_services_are_sampled_and_recorded() -> None:
    """Names, parents, memory, and the container's own limit; they are in the recording of a run that fell silent."""
    options = ("--executor", "container", "--docker-host", url_of("docker"), "--pull", "never")
    with open_folder() as folder:
        async with hub_and_builder(folder, *options) as (hub, builder):
            busy = "sleep 4321 & { head -c 30m /dev/zero; sleep 4322; } | tail -c 30m &"
            run = f"{busy} while [ ! -e stop ]; do echo .; sleep 0.2; done; sleep 4323"
            stage = {"name": "long", "image": IMAGE, "run": run, "idle_timeout": 3}
            limits: dict[str, float] = {"memory": 400 * 1024 * 1024}
            told = await hub.build(payload(stage, services=(SERVICE,), limits=limits))
            found = await hub.until(lambda: seen(hub, "tail", "sleep", "sleep"), 60)
            await asyncio.to_thread((builder.work_dir / "trees/1-1/tree/stop").touch)
            names = [one.name for one in found.processes]
            result = await hub.result(told, 40)

    assert result.result == "timeout"
    assert {"sh", "sleep", "httpd", "tail"} <= set(names)
    assert names.count("sleep") >= 2
    pids = {one.pid for one in found.processes}
    assert [one.parent in pids for one in found.processes].count(False) == 2  # a root for each container
    assert found.usage.limit == limits["memory"]
    assert found.usage.processes == len(names)
    assert result.recording is not None
    assert {"sleep", "httpd"} <= {one.name for one in result.recording.processes}


@scenario
async def test_a_stage_that_ran_out_of_its_containers_memory_says_so() -> None:
    """Also when it was too quick for a sample; and one that was killed otherwise is not called so."""
    options = ("--executor", "container", "--docker-host", url_of("docker"), "--pull", "never")
    with open_folder() as folder:
        async with hub_and_builder(folder, *options) as (hub, _):
            limits: dict[str, float] = {"memory": 48 * 1024 * 1024}
            greedy = {"name": "greedy", "image": IMAGE, "run": "head -c 200m /dev/zero > /tmp/big"}
            result = await hub.result(await hub.build(payload(greedy, limits=limits)), 40)
            assert result.result == "failure"
            assert result.detail.startswith("Stage greedy: Out of memory: "), result.detail
            assert result.recording is not None
            assert result.recording.cause == Cause.MEMORY

            killed = {"name": "killed", "image": IMAGE, "run": "kill -9 $$"}
            result = await hub.result(await hub.build(payload(killed, limits=limits), run=2), 40)

    assert (result.result, result.detail) == ("failure", "Stage killed: Signal 9 ended the command.")
