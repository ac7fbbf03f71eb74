"""Files, folders and variables of a run: nothing from outside leads out of the workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hubwright.builder.environment import build_environment
from hubwright.builder.executors.tree import MARKER
from hubwright.builder.files import find_files
from hubwright.builder.log import TAIL, Log
from hubwright.builder.masking import COMMAND
from hubwright.builder.workspace import Workspace
from hubwright.domain.mirrors import mirror_path
from hubwright.domain.recipe_values import Stage
from hubwright.wire import Payload, Source

SOURCE = Source(repository="o/n", clone_url="https://example.org/o/n.git", sha="0" * 40, ref="refs/heads/main")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for name in ("a.txt", "d/b.txt", "d/e/c.txt", ".git/config", ".hidden/x"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    (tmp_path / "outside").write_text("outside")
    (tree / "link.txt").symlink_to(tmp_path / "outside")
    (tree / "inner.txt").symlink_to(tree / "a.txt")
    (tree / "up").symlink_to(tmp_path)
    os.mkfifo(tree / "pipe.txt")
    return tree


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        (["*.txt"], ["a.txt"]),
        (["**/*.txt"], ["a.txt", "d/b.txt", "d/e/c.txt"]),
        (["d"], ["d/b.txt", "d/e/c.txt"]),
        (["d/*", "d/b.txt"], ["d/b.txt", "d/e/c.txt"]),
        ([".hidden/x"], [".hidden/x"]),
        (["up/outside", "up/*", "up"], []),
        (["../*", "/etc/passwd", "d/../../outside", "", "\0", "[", "***"], []),
        ([".git/**", ".git"], []),
        (["link.txt", "pipe.txt"], []),
    ],
)
def test_globs_find_real_files_inside(tree: Path, globs: list[str], names: list[str]) -> None:
    """S26: no links, no devices, no way up, not git's own files."""
    assert [path.as_posix() for path in find_files(tree, globs)] == names


def test_a_workspace_is_removed_whatever_a_build_did(tmp_path: Path) -> None:
    """Read-only folders (Go's module cache has them) and links to the outside."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").touch()
    workspace = Workspace(root=tmp_path / "run", tree=tmp_path / "run" / "tree", marker="m")
    workspace.make()
    deep = workspace.tree / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "c").touch()
    (workspace.tree / "away").symlink_to(tmp_path / "outside")
    deep.chmod(0o500)
    deep.parent.chmod(0o000)

    workspace.remove()

    assert not workspace.root.exists()
    assert (tmp_path / "outside" / "precious").exists()


@settings(deadline=None, max_examples=50)
@given(st.text(), st.text(), st.text())
def test_mirrors_of_different_addresses_never_share_a_folder(host: str, first: str, second: str) -> None:
    """Nothing of an address but harmless letters reaches the path."""
    root = Path("/mirrors")
    paths = [mirror_path(root, f"https://{host}/{name}") for name in (first, second)]

    assert all(path.parent == root and path.name.endswith(".git") and path.name.isascii() for path in paths)
    assert all(len(path.name) < 120 and not path.name.startswith((".", "-")) for path in paths)
    alike = first.rstrip("/").removesuffix(".git") == second.rstrip("/").removesuffix(".git")
    assert (paths[0] == paths[1]) == alike


def test_a_mirror_is_found_by_its_name() -> None:
    """An operator who looks into the folder knows what is what, with or without `.git` in the address."""
    path = mirror_path(Path("/m"), "https://github.com/nim-lang/Nim.git")

    assert path.name.startswith("nim-lang-Nim-")
    assert path == mirror_path(Path("/m"), "https://github.com/nim-lang/Nim")


def environment(payload: Payload, stage: Stage, own: dict[str, str]) -> dict[str, str]:
    workspace = Workspace(root=Path("/w"), tree=Path("/w/tree"), marker="the-marker")
    return build_environment(payload, stage, workspace, "linux-x86_64", own)


def test_the_builders_own_variables_stay_with_it() -> None:
    """S25: only the path, proxies and the like are passed on."""
    own = {
        "PATH": "/bin",
        "https_proxy": "http://p",
        "HUBWRIGHT_BUILDER_TOKEN": "tok",
        "AWS_SECRET": "sec",
        "HOME": "/root",
    }
    env = environment(Payload(source=SOURCE, stages=()), Stage(name="s", run="x"), own)

    assert (env["PATH"], env["https_proxy"], env["HOME"]) == ("/bin", "http://p", "/w/home")
    assert not {"HUBWRIGHT_BUILDER_TOKEN", "AWS_SECRET"} & env.keys()
    assert not {"tok", "sec", "/root"} & set(env.values())


def test_stages_win_over_runs_and_nobody_over_the_marker() -> None:
    """The marker is how the builder finds a run's processes again."""
    payload = Payload(
        source=SOURCE, stages=(), env={"A": "run", "B": "run", MARKER: "x", "bad=name": "x", "NUL": "a\0b"},
        secrets={"S": "secret", "T": "other"}, matrix={"go version": "1.26"},
    )  # fmt: skip
    env = environment(payload, Stage(name="s", run="x", env={"B": "stage", MARKER: "y"}, secrets=("S", "gone")), {})

    assert (env["A"], env["B"], env["S"], env[MARKER]) == ("run", "stage", "secret", "the-marker")
    assert env["MATRIX_GO_VERSION"] == "1.26"
    assert env["NUL"] == "ab"
    assert not {"T", "gone", "bad=name"} & env.keys()
    assert "/usr/bin" in env["PATH"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=50), max_size=30), st.integers(0, 200))
def test_a_log_within_its_limit_is_kept_as_it_is(chunks: list[bytes], limit: int) -> None:
    """Beyond it: the head exactly, then a line that counts what is missing, then the end."""
    whole = b"".join(chunks)
    assume(COMMAND not in whole)  # which hides what it names
    kept = bytearray()
    log = Log(kept.extend, limit, (), lambda _: None)
    for chunk in chunks:
        log.write(chunk)
    log.finish()

    assert kept[: min(limit, len(whole))] == whole[:limit]
    if len(whole) <= limit:
        assert bytes(kept) == whole
    else:
        assert b"0 bytes left out" in kept  # the end has room for all of these
        assert kept.endswith(whole[limit:])


def test_the_end_of_a_long_log_is_bounded() -> None:
    """S26: a log bomb costs at most the limit and the tail."""
    kept = bytearray()
    log = Log(kept.extend, 10, (), lambda _: None)
    for number in range(3 * TAIL // 1000):
        log.write(b"%0999d\n" % number)
    log.finish()

    assert len(kept) < TAIL + 200
    assert kept.endswith(b"%0999d\n" % (3 * TAIL // 1000 - 1))


def test_a_full_disk_is_told_once() -> None:
    """Then the output is dropped: the run is being ended."""

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    failures: list[OSError] = []
    log = Log(full, 10, (), failures.append)
    log.write(b"a")
    log.say("b")
    log.finish()

    assert [error.errno for error in failures] == [28]


def test_the_builders_own_lines_have_no_control_characters() -> None:
    """A script's first line and git's complaints are shown; they may not move the cursor or change colours."""
    kept = bytearray()
    log = Log(kept.extend, 1000, ("hidden-value",), lambda _: None)
    log.say("▶ \x1b[2J\r\n evil hidden-value")

    assert kept.decode() == "\x1b[1m▶ ?[2J?? evil ***\x1b[0m\n"
