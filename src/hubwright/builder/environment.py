"""The environment of a stage: what the hub gave, what only the builder knows, nothing of the builder's own secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hubwright.builder.executors import MARKER
from hubwright.builder.workspace import Workspace
from hubwright.domain.recipe_values import Stage
from hubwright.wire import Payload

PASSED_ON = (
    "PATH", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "ftp_proxy",
    "all_proxy", "no_proxy", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "SystemRoot",
)  # fmt: skip
"""All that a build sees of the builder's own environment."""

_THIS_MACHINES = {"PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "SystemRoot"}
"""Not for stages in containers: their image says where its things are."""

_NOT_IN_NAME = re.compile(r"[^A-Z0-9_]")
_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "windows": "Windows"}
_MACHINES = {"x86_64": "X64", "amd64": "X64", "aarch64": "ARM64", "arm64": "ARM64", "i686": "X86", "armv7l": "ARM"}


def build_environment(
    payload: Payload, stage: Stage, workspace: Workspace, machine: str, own: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment of the stage's processes.

    `machine` is `linux-x86_64` or the like, `own` the builder's environment. The recipe's variables win over all but
    the marker; a secret wins over a variable of the same name.
    """
    env = {key: own[key] for key in PASSED_ON if key in own and not (stage.image and key in _THIS_MACHINES)}
    if stage.image is None:
        env.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    env |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    env |= {"PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}  # a terminal, but nobody at it
    env |= {"CI": "true", "HUBWRIGHT": "true", "CI_STEP_NAME": stage.name, "CI_JOB_NAME": stage.name}
    env |= _places(workspace) | _runner(machine, workspace)
    env |= payload.env
    env |= {"MATRIX_" + _NOT_IN_NAME.sub("_", axis.upper()): value for axis, value in payload.matrix.items()}
    env |= stage.env
    env |= {name: payload.secrets[name] for name in stage.secrets if name in payload.secrets}
    env[MARKER] = workspace.marker
    return {key: value.replace("\0", "") for key, value in env.items() if key and "=" not in key and "\0" not in key}


def _places(workspace: Workspace) -> dict[str, str]:
    tree, commands = str(workspace.tree), workspace.commands
    return {
        "HOME": str(workspace.home),
        "TMPDIR": str(workspace.temporary),
        "CI_WORKSPACE": tree,
        "CI_PROJECT_DIR": tree,
        "GITHUB_WORKSPACE": tree,
        "GITHUB_OUTPUT": str(commands / "output"),
        "GITHUB_ENV": str(commands / "env"),
        "GITHUB_PATH": str(commands / "path"),
        "GITHUB_STEP_SUMMARY": str(commands / "summary"),
    }


def _runner(machine: str, workspace: Workspace) -> dict[str, str]:
    system, _, processor = machine.partition("-")
    return {
        "RUNNER_OS": _SYSTEMS.get(system, system),
        "RUNNER_ARCH": _MACHINES.get(processor, processor.upper()),
        "RUNNER_TEMP": str(workspace.temporary),
    }
