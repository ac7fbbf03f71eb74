"""Images and services from a payload or a working copy to the end, with real builders and a real dockerd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from builder_process import hub_and_builder, open_folder, scenario
from container_images import IMAGE
from hub_stand_in import payload
from hubwright.builder.executors.container_bodies import RUN_LABEL
from hubwright.wire import Do, Images, ServiceWish
from servers import url_of

WEB = "mkdir /tmp/www; echo pong > /tmp/www/ping; exec httpd -f -p 8080 -h /tmp/www"
READY = "wget -q -O /dev/null http://localhost:8080/ping"


def containers_of(instance: str) -> list[str]:
    """What the daemon has of a builder, as another client tells."""
    argv = ["docker", "-H", url_of("docker"), "ps", "-a", "--format", f'{{{{.Label "{RUN_LABEL}"}}}}']
    found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    return [marker for marker in found if marker.startswith(instance)]


@scenario
async def test_a_run_with_image_and_service_as_a_builder_works_it_off() -> None:
    """The builder says that it can, names the image in the log, keeps files and leaves nothing, also when killed."""
    options = ("--executor", "auto", "--docker-host", url_of("docker"), "--no-network", "--pull", "never")
    with open_folder() as folder:
        async with hub_and_builder(folder, *options) as (hub, builder):
            services = (ServiceWish(name="web", image=IMAGE, command=WEB, ready=READY),)
            stages = (
                {
                    "name": "in",
                    "image": IMAGE,
                    "network": False,
                    "run": "wget -q -O - http://web:8080/ping; pwd > here",
                },
                {"name": "out", "run": "echo beside; cat here"},
            )
            told = await hub.build(payload(*stages, services=services))
            result = await hub.result(told, 40)
            hello = hub.hellos[0]

            assert (result.result, result.detail) == ("success", "")
            assert "container" in hello.labels
            assert b"Service web is ready." in told.log
            assert f"Image {IMAGE}: sha256:".encode() in told.log
            (images,) = told.of(Images)
            assert [(one.name, one.digest) for one in images.images] == [(IMAGE, "")]
            assert f"Image {IMAGE}: {images.images[0].id}".encode() in told.log
            assert b"\npong\n" in told.log
            assert b"/tree\n" in told.log
            assert containers_of(hello.instance) == []

            long = {"name": "long", "image": IMAGE, "run": "echo begun; sleep 600"}
            cut = await hub.build(payload(long), run=2)
            await hub.until(lambda: b"\nbegun\n" in cut.log, 20)
            began = time.monotonic()
            await hub.order(Do(order="cancel", run=2, lease=1, reason="Enough."))
            assert (await hub.result(cut)).result == "cancellation"
            assert time.monotonic() - began < 30

            lost = await hub.build(payload(long, services=services), run=3)
            await hub.until(lambda: b"\nbegun\n" in lost.log, 20)
            assert len(containers_of(hello.instance)) == 2
            builder.kill()
        assert containers_of(hello.instance)
        async with hub_and_builder(folder, *options) as (hub, _):
            await hub.until(lambda: hub.hellos, 20)
            assert containers_of(hello.instance) == []


@scenario
async def test_a_builder_without_containers_refuses_an_image() -> None:
    """One sentence that says what is missing, and the run is the builder's error, not the code's failure."""
    with open_folder() as folder:
        async with hub_and_builder(folder) as (hub, _):
            told = await hub.build(payload({"name": "a", "image": "debian:12", "run": "true"}))
            result = await hub.result(told)

            assert result.result == "error"
            assert "wants the image debian:12, and this builder has no containers" in result.detail
            assert "container" not in hub.hellos[0].labels


def test_a_working_copy_runs_in_containers_too() -> None:
    """`hubwright run`: the same images and services, files made as the one who asked."""
    recipe = {
        "image": IMAGE,
        "services": {"web": {"image": IMAGE, "command": WEB, "ready": READY}},
        "stages": [{"ask": {"run": "wget -q -O made http://web:8080/ping; cat made; id -u", "network": "false"}}],
    }
    with open_folder() as folder:
        (folder / ".hubwright.yml").write_text(json.dumps(recipe))
        done = subprocess.run(
            [sys.executable, "-m", "hubwright", "run", "-C", str(folder), "--docker-host", url_of("docker")],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

        assert (done.returncode, done.stdout.splitlines()[-2:]) == (0, ["pong", str(os.geteuid())])
        assert Path(folder, "made").stat().st_uid == os.geteuid()
        assert "Service web is ready." in done.stderr
