"""The commands that people copy from a page into their shell: exact, and harmless whatever a build is called."""

from __future__ import annotations

import subprocess

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.reproduction import Reproduction, write_commands

PLAIN = Reproduction(
    clone_url="https://github.com/octo/app.git", ref="refs/pull/7/head", sha="a" * 40, platform="linux-x86_64",
    stage="test", matrix={"cc": "clang-19"}, parameters={"SIZE": "very big"}, secrets=("TOKEN",),
)  # fmt: skip


def test_the_commands_name_commit_matrix_parameters_and_platform() -> None:
    """ux.md 1.3: nothing is left for the reader to find out."""
    assert write_commands(PLAIN).splitlines() == [
        "# on linux-x86_64",
        "# needs in the environment: TOKEN",
        "git clone https://github.com/octo/app.git app",
        "cd app",
        "git fetch origin refs/pull/7/head",
        f"git checkout --detach {'a' * 40}",
        "hubwright run --matrix cc=clang-19 --parameter 'SIZE=very big' test",
    ]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12))
def test_no_name_from_outside_becomes_another_command(name: str) -> None:
    """S31: a branch, stage or parameter is one word for the shell, on one line."""
    text = write_commands(
        Reproduction(
            clone_url=f"https://x/{name}", ref=name, sha="a", platform=name, stage=name,
            matrix={"axis": name}, parameters={"P": name}, secrets=(name,),
        )
    )  # fmt: skip
    lines = text.splitlines()
    assert len(lines) == 7
    shell = f"hubwright() {{ printf '%s\\0' \"$@\"; }}\n{lines[-1]}"
    words = subprocess.run(["bash", "-c", shell], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    stage = ["--", name] if name.startswith("-") else [name]
    assert words == ["run", "--matrix", f"axis={name}", "--parameter", f"P={name}", *stage]
