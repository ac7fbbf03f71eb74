"""Which files are copied into a sandbox."""

from __future__ import annotations

import os
from pathlib import Path

from hubwright.builder.executors.small_files import find_small, opened_small


def test_only_small_files_that_everybody_may_read_are_copied(tmp_path: Path) -> None:
    """Root's builder reads all; a copy belongs to the build, whatever the file's own bits say."""
    for name, mode, size in (("open", 0o644, 3), ("closed", 0o640, 3), ("large", 0o644, 300_000)):
        (tmp_path / name).write_bytes(b"x" * size)
        (tmp_path / name).chmod(mode)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("open")
    (tmp_path / "to-closed").symlink_to("closed")
    os.mkfifo(tmp_path / "pipe")
    names = ("open", "closed", "large", "folder", "link", "to-closed", "pipe", "absent")

    assert find_small(str(tmp_path / name) for name in names) == (str(tmp_path / "open"), str(tmp_path / "link"))


def test_a_file_that_was_closed_meanwhile_is_left_out(tmp_path: Path) -> None:
    """They are found when the builder starts; what holds is how they are when a stage does."""
    file = tmp_path / "file"
    file.write_text("before")
    file.chmod(0o644)
    (found,) = find_small([str(file)])
    file.chmod(0o600)
    with opened_small([found]) as opened:
        assert opened == {}
