"""Archives that are written while they are read: whole, and nothing of them stays in memory."""

from __future__ import annotations

import io
from zipfile import ZipFile

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.archive import Archive

names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)


def pack(files: dict[str, list[bytes]], at: float = 1_790_000_000.0) -> list[bytes]:
    archive = Archive()
    sent = []
    for name, parts in files.items():
        sent.append(archive.begin(name, sum(map(len, parts)), at))
        sent += [archive.add(part) for part in parts]
    return [*sent, archive.finish()]


@given(st.dictionaries(names, st.lists(st.binary(max_size=200), max_size=3), max_size=4), st.floats(0, 1e11))
def test_any_files_come_out_as_they_went_in(files: dict[str, list[bytes]], at: float) -> None:
    """By another reader's judgement: sums are right, names whole; no time of the files breaks it."""
    with ZipFile(io.BytesIO(b"".join(pack(files, at)))) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == {
            name: b"".join(parts) for name, parts in files.items()
        }


def test_nothing_is_held_back() -> None:
    """What was added is sent at once: the memory of a hub does not grow with an archive."""
    part = b"x" * 65_536
    sent = pack({"a": [part] * 3, "b": [part]})
    assert [len(one) >= len(part) for one in sent] == [False, True, True, True, False, True, False]
    assert max(map(len, sent)) < len(part) + 200


def test_a_file_that_may_pass_four_gigabytes_is_announced_as_such() -> None:
    """Else its size would not fit behind it, after gigabytes have been sent."""
    archive = Archive()
    head = archive.begin("huge", 5 * 1024**3, 0)
    archive.finish()
    assert head[4:6] == (45).to_bytes(2, "little"), "version 4.5 has 64-bit sizes"
