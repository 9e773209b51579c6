"""What a member keeps on disk: a snapshot, and behind it the log in segments.

Rule 1: ``write`` puts all of a batch into one frame, ``sync`` makes it durable with one fsync. Whatever is proposed while a disk works
goes into the next batch together (group commit).
Rule 2: a segment is preallocated with zeros, so an fsync need not write the file's length, too. The next one begins where a frame no
longer fits.
Rule 3: a snapshot is durable before the log in front of it goes. After it the log starts afresh, in a new segment.
Rule 4: a torn end is cut, but only in the last segment; whatever else is damaged or missing is refused, and nothing is changed.
A bit that flips in the very last frame looks like a torn end: that one frame relies on the other members.
"""

from __future__ import annotations

from workloads.consensus.errors import CorruptLogError, OwnerError, VersionError
from workloads.consensus.raft.messages import Effects, Entry, HardState, Snapshot
from workloads.consensus.wal.files import Files
from workloads.consensus.wal.records import REMEDY, Record, Segment, decode, encode, put, replay
from workloads.consensus.wal.snapshots import TEMPORARY, newest, remove_older, save, write_whole

_SUFFIX = ".wal"
_VERSION = 1
#: Of a segment: some seconds of a busy group.
SEGMENT_BYTES = 16 << 20


class Storage:
    """The disk of one member.

    Args:
        files: its folder.
        first: the snapshot of a new group, at index 0.
        owner: the group and the member; a folder of another one is refused.
        segment_bytes: of a segment, unless a frame needs more.
    """

    def __init__(self, files: Files, first: Snapshot, *, owner: str = "", segment_bytes: int = SEGMENT_BYTES) -> None:
        self._files = files
        self._first = first
        self._owner = owner
        self._segment_bytes = segment_bytes
        self._hard_state = HardState()
        self._entries: list[Entry] = []  # those behind the snapshot
        self._number = 0
        self._position = 0
        self._size = 0
        self._is_dirty = False

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever promised from here: no vote, no entry, no snapshot."""
        return self._hard_state == HardState() and not self._entries and newest(self._files) is None

    def load(self) -> tuple[Snapshot, HardState, list[Entry]]:
        """Return what is there, and make the folder ready to be written to; a torn end is cut.

        Raises:
            CorruptLogError: something durable is damaged or missing; the message names the file and the remedy.
            OwnerError: the folder is another member's.
            VersionError: a newer version of this program wrote it.
            OSError: it cannot be read or written.
        """
        saved = newest(self._files)
        snapshot = saved or self._first
        numbers, records = self._read_all()
        if saved is not None and not numbers:
            raise CorruptLogError(f"{self._files.where(_name(1))} and later: the log behind the snapshot is missing; {REMEDY}")
        try:
            self._hard_state, entries = replay(records)
        except ValueError as gap:
            raise CorruptLogError(f"{self._files.where(_name(numbers[0]))} and later: {gap}, so some are missing; {REMEDY}") from gap
        self._entries = self._behind(snapshot, entries)
        self._remove_leftovers(snapshot, numbers)
        if numbers:
            self._clear_torn_end()
        else:
            self._begin(fresh=True, records=[])
        return snapshot, self._hard_state, list(self._entries)

    def write(self, effects: Effects) -> None:
        """Write what is to be durable, without any promise yet.

        Raises:
            OSError: the disk is full, or broken. The member must not go on.
        """
        if effects.hard_state is not None:
            self._hard_state = effects.hard_state
        for entry in effects.entries:
            put(self._entries, entry)
        if effects.snapshot is not None:
            save(self._files, effects.snapshot)
            self._entries = self._behind(effects.snapshot, self._entries)
            self._begin(fresh=True, records=[self._hard_state, *self._entries])
            self._remove_leftovers(effects.snapshot, [self._number])
            return
        records: list[Record] = [*([effects.hard_state] if effects.hard_state else []), *effects.entries]
        frame = encode(records)
        if self._position + len(frame) > self._size:
            self._begin(fresh=False, records=records)
            return
        self._files.write(_name(self._number), self._position, frame)
        self._position += len(frame)
        self._is_dirty = True

    def sync(self) -> None:
        """Make durable what was written.

        Raises:
            OSError: the disk failed; what is durable is unknown until the next ``load``.
        """
        if self._is_dirty:
            self._files.sync(_name(self._number))
            self._is_dirty = False

    def _read_all(self) -> tuple[list[int], list[Record]]:
        """Read the segments from the last fresh one on: their numbers and all their records."""
        there = sorted(int(name.removesuffix(_SUFFIX)) for name in self._files.names() if name.endswith(_SUFFIX))
        numbers, records = list[int](), list[Record]()
        for number in reversed(there):
            if numbers and number != numbers[0] - 1:
                break
            found = self._read(number, last=not numbers)
            numbers, records = [number, *numbers], found + records
            if isinstance(found[0], Segment) and found[0].fresh:
                return numbers, records
        if numbers:
            raise CorruptLogError(f"{self._files.where(_name(numbers[0] - 1))}: this segment of the log is missing; {REMEDY}")
        return [], []

    def _read(self, number: int, *, last: bool) -> list[Record]:
        where, data = self._files.where(_name(number)), self._files.read(_name(number))
        records, position = decode(data, name=where)
        head = records[0] if records else None
        if not isinstance(head, Segment) or (not last and data[position:].strip(b"\0")):
            raise CorruptLogError(f"{where}: the record at byte {position} is damaged; {REMEDY}")
        if head.version > _VERSION:
            raise VersionError(f"{where}: a log of version {head.version}, and this program knows {_VERSION}; start the newer program here")
        if head.owner != self._owner:
            raise OwnerError(f"{where}: the log of {head.owner}, not of {self._owner}; give this member its own folder with --data")
        if last:
            self._number, self._position, self._size = number, position, len(data)
        return records

    def _behind(self, snapshot: Snapshot, entries: list[Entry]) -> list[Entry]:
        """Return the entries that follow ``snapshot``; none if it contradicts them (paper, figure 13, step 6)."""
        if not entries or entries[-1].index <= snapshot.index:
            return []
        before = snapshot.index - entries[0].index
        if before < -1:
            where = self._files.where(_name(self._number))
            raise CorruptLogError(f"{where}: entry {snapshot.index + 1} is missing behind the snapshot; {REMEDY}")
        if before >= 0 and entries[before].term != snapshot.term:
            return []
        return entries[before + 1 :]

    def _begin(self, *, fresh: bool, records: list[Record]) -> None:
        """Begin a segment, durable with its first records."""
        data = encode([Segment(_VERSION, self._owner, fresh)]) + encode(records)
        self._number += 1
        self._position, self._size = len(data), max(self._segment_bytes, len(data))
        write_whole(self._files, _name(self._number), data.ljust(self._size, b"\0"))
        self._is_dirty = False

    def _remove_leftovers(self, snapshot: Snapshot, numbers: list[int]) -> None:
        kept = {_name(number) for number in numbers}
        for name in self._files.names():
            if name.endswith(TEMPORARY) or (name.endswith(_SUFFIX) and name not in kept):
                self._files.remove(name)
        remove_older(self._files, snapshot.index)

    def _clear_torn_end(self) -> None:
        """Put zeros where a torn frame was, lest its remains look like records behind the next one."""
        name = _name(self._number)
        if self._files.read(name)[self._position :].strip(b"\0"):
            self._files.write(name, self._position, bytes(self._size - self._position))
            self._files.sync(name)


def _name(number: int) -> str:
    return f"{number:08d}{_SUFFIX}"
