"""Outside of its executors the builder uses nothing that Windows or macOS lacks."""

from __future__ import annotations

import subprocess
import sys

import pytest

_UNIX_ONLY = ("fcntl", "termios", "pty", "tty", "pwd", "grp", "resource", "syslog", "posix")

_PROGRAM = """
import asyncio, ctypes, os, signal, socket, ssl, subprocess, sys, types
import click, httpx2, msgspec, psutil, structlog, websockets.asyncio.client, yaml
import cryptography.hazmat.primitives.ciphers.aead

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in {blocked!r}:
            raise ModuleNotFoundError(name)

for name in {blocked!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocked())
if {platform!r} == "win32":
    sys.modules["msvcrt"] = types.ModuleType("msvcrt")
    for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "pread", "statvfs", "geteuid", "killpg", "openpty"):
        delattr(os, name)
    for name in ("SIGKILL", "SIGHUP"):
        delattr(signal, name)
sys.platform = {platform!r}
import hubwright.wiring.builder, hubwright.cli.builder, hubwright.builder.local, hubwright.builder.agent
from hubwright.builder.executors.choice import choose_executor
print(*choose_executor("auto", ()))
"""


@pytest.mark.parametrize(("platform", "blocked"), [("win32", _UNIX_ONLY), ("darwin", ())])
def test_the_builder_starts_without_what_the_platform_lacks(platform: str, blocked: tuple[str, ...]) -> None:
    """Designed for, and not run there: at least every module can be loaded and an executor chosen."""
    program = _PROGRAM.format(blocked=blocked, platform=platform)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert "PlainExecutor" in done.stdout
    assert done.stdout.split()[-1] == "None"
