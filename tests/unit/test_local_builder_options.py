"""What the settings say of builds is what the local builder is told."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from hubwright.builder.executors.terms import Containers, Policy
from hubwright.cli.policies import policy_options
from hubwright.config import load_settings
from hubwright.config.settings import Sandbox
from hubwright.domain.limits import Limits
from hubwright.wiring.local_builder import _policy

SAID = {
    "memory": "1GiB",
    "pids": "77",
    "cpus": "1.5",
    "file_size": "2MiB",
    "disk": "3GiB",
    "user": "builds",
    "network": "false",
    "untrusted_network": "true",
    "seccomp": "false",
    "landlock": "false",
    "readable": "/opt/a,/opt/b",
    "docker_host": "unix:///run/other.sock",
    "pull": "never",
    "container_network": "builds",
    "image": "debian:12",
    "registry_auth": "/etc/registries.json",
    "service_root": "true",
}


def test_every_setting_of_the_sandbox_reaches_the_local_builder(tmp_path: Path) -> None:
    """A setting that is forgotten on the way would be a wall that is not there."""
    assert set(SAID) == set(Sandbox.__struct_fields__)
    environment = {f"HUBWRIGHT_SANDBOX__{name.upper()}": value for name, value in SAID.items()}
    settings = load_settings({"data_dir": str(tmp_path)}, None, environment)
    told: list[Policy] = []

    @click.command()
    @policy_options
    def builder(policy: Policy) -> int:
        told.append(policy)
        return 0

    done = CliRunner().invoke(builder, list(_policy(settings)))

    assert done.exit_code == 0, done.output
    assert told == [
        Policy(
            network=False,
            untrusted_network=True,
            limits=Limits(memory=1024**3, pids=77, cpu=1.5, disk=3 * 1024**3),
            file_size=2 * 1024**2,
            user="builds",
            seccomp=False,
            landlock=False,
            readable=(Path("/opt/a"), Path("/opt/b")),
            containers=Containers(
                host="unix:///run/other.sock",
                pull="never",
                network="builds",
                image="debian:12",
                registry_auth=Path("/etc/registries.json"),
                service_root=True,
            ),
        )
    ]
