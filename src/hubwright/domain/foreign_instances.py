"""The machines that tasks of Cirrus ask for, as platforms and images.

https://cirrus-ci.org/guide/supported-computing-services/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hubwright.domain.foreign_files import Outline, mapping_of

INSTANCES = {
    "container": "linux-*", "arm_container": "linux-aarch64", "docker_builder": "linux-*", "gke_container": "linux-*",
    "aks_container": "linux-*", "eks_container": "linux-*", "freebsd_instance": "freebsd-*",
    "macos_instance": "darwin-*", "osx_instance": "darwin-*", "windows_container": "windows-*",
    "gce_instance": "linux-*", "ec2_instance": "linux-*", "compute_engine_instance": "linux-*",
    "persistent_worker": "", "windows_instance": "windows-*",
}  # fmt: skip
"""What tasks call a machine, and the platform that stands for it; empty: nobody can say."""


class Instance(NamedTuple):
    """`platform` is empty where it is not known, `image` where there is none."""

    platform: str
    image: str


def read_instance(task: Mapping[str, Any], outline: Outline) -> Instance:
    """The machine of a task; what it says besides is noted."""
    kind = next((key for key in INSTANCES if key in task), "")
    if not kind:
        return Instance("", "")
    said = mapping_of(task[kind])
    image = str(said.get("image", "")) if "container" in kind else ""
    if kind == "windows_container" and image:
        outline.note(task[kind], f"the image {image} is left out: stages run on the builder itself")
        image = ""
    if "dockerfile" in said:
        outline.note(said["dockerfile"], "`dockerfile` is left out: build the image and name it with `image`")
    wanted = str(said.get("image_family") or said.get("image_name") or said.get("image") or "")
    platform = INSTANCES[kind]
    text = f"`{kind}`" + (f" with {wanted}" if wanted and not image else "")
    outline.note(task[kind], f"{text} became `{platform or 'any platform'}`: platforms are called as your builders are")
    return Instance(platform, image)
