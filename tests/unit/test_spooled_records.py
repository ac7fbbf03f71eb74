"""The files of the delivery spool: what is read after a crash."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from hubwright.hub.delivery_spool import PORTION, PORTION_BYTES, _pack, form_portions, read_records
from hubwright.store.deliveries import Incoming

ITEMS = st.builds(
    Incoming,
    guid=st.text(max_size=20),
    event=st.sampled_from(("push", "issues")),
    source=st.just("github"),
    body=st.binary(max_size=60),
    received_at=st.floats(0, 2e9),
    headers=st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


def read(content: bytes) -> list[Incoming]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "000000000001.deliveries")
        path.write_bytes(content)
        return list(read_records(path))


@given(st.lists(ITEMS, max_size=5), st.data())
def test_whatever_is_cut_off_the_records_before_it_are_whole(items: list[Incoming], data: st.DataObject) -> None:
    """A crash, or a disk that was full: what had its place is found again, and nothing that never was."""
    records = [_pack(item) for item in items]
    content = b"".join(records)
    cut = data.draw(st.integers(0, len(content)))
    whole = [sum(map(len, records[: number + 1])) <= cut for number in range(len(records))].count(True)

    assert read(content[:cut]) == items[:whole]


@given(st.lists(ITEMS, min_size=1, max_size=5), st.data())
def test_a_bit_that_the_disk_has_turned_is_no_delivery(items: list[Incoming], data: st.DataObject) -> None:
    content = bytearray(b"".join(map(_pack, items)))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))

    found = read(bytes(content))
    assert found == items[: len(found)]
    assert len(found) < len(items)


@given(st.lists(st.integers(0, 3), max_size=3 * PORTION))
def test_portions_are_all_of_them_in_order_and_bounded(sizes: list[int]) -> None:
    half = PORTION_BYTES // 2
    items = [
        Incoming(str(number), "push", "github", bytes(half * (size == 3)), 0.0) for number, size in enumerate(sizes)
    ]

    portions = list(form_portions(iter(items)))

    assert [item for portion in portions for item in portion] == items
    assert all(0 < len(portion) <= PORTION for portion in portions)
    assert all(sum(len(item.body) for item in portion) <= PORTION_BYTES for portion in portions)
