"""Records of the write-ahead log: what was written is read, torn tails are cut, damage in the middle is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.consensus.errors import CorruptLogError
from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.messages import Entry, HardState, Kind
from workloads.consensus.wal.records import decode, encode, replay

numbers = st.integers(0, 2**40)
names = st.frozensets(st.text(min_size=1, max_size=3), max_size=3)
log_records = st.one_of(
    st.builds(HardState, numbers, st.none() | st.text(max_size=5)),
    st.builds(Entry, numbers, numbers, st.just(Kind.DATA), st.binary(max_size=40)),
    st.builds(Entry, numbers, numbers, st.just(Kind.CONFIGURATION), st.just(b""), st.builds(Configuration, names, names, names)),
)


batches = st.lists(st.lists(log_records, min_size=1, max_size=3), min_size=1, max_size=4)


def flat(written: list[list[HardState | Entry]]) -> list[HardState | Entry]:
    return [record for batch in written for record in batch]


@given(batches, st.integers(0, 64))
def test_what_was_written_is_read_and_preallocated_space_is_free(written: list[list[HardState | Entry]], zeros: int) -> None:
    data = b"".join(map(encode, written))
    assert decode(data + bytes(zeros), name="wal") == (flat(written), len(data))


@given(batches, st.data())
def test_a_torn_frame_at_the_end_is_cut_as_a_whole(written: list[list[HardState | Entry]], data: st.DataObject) -> None:
    kept, last = b"".join(map(encode, written[:-1])), bytearray(encode(written[-1]))
    last[data.draw(st.integers(0, len(last) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert decode(kept + last[: data.draw(st.integers(0, len(last)))], name="wal") == (flat(written[:-1]), len(kept))


@given(batches.filter(lambda written: len(written) > 1), st.data())
def test_a_flipped_bit_in_the_middle_is_refused_and_nothing_is_read_over_it(
    written: list[list[HardState | Entry]], data: st.DataObject
) -> None:
    damaged, last = bytearray(b"".join(map(encode, written))), encode(written[-1])
    damaged[data.draw(st.integers(0, len(damaged) - len(last) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CorruptLogError, match=r"^members/1/0001.wal: the record at byte \d+ is damaged"):
        decode(bytes(damaged), name="members/1/0001.wal")


def test_an_entry_replaces_all_from_its_index_on() -> None:
    first, second, other = Entry(5, 1), Entry(6, 1), Entry(6, 2)
    assert replay([first, second, HardState(1, "a"), other, HardState(2, None)]) == (HardState(2, None), [first, other])
    assert replay([first, second, Entry(4, 3)])[1] == [Entry(4, 3)]
    with pytest.raises(ValueError, match="entry 8 follows 6"):
        replay([first, second, Entry(8, 1)])
