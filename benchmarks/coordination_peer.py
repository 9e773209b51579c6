"""One member of a PySyncObj group: ``python benchmarks/coordination_peer.py FOLDER INDEX PORT,PORT,PORT`` (started by ``coordination.py``).

A number on standard input asks it to write with so many outstanding; it answers with operations a second, or with ``-`` if it does not
lead.
It keeps a journal file, without an fsync: PySyncObj has none.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from pysyncobj import SyncObj, SyncObjConf, replicated

WINDOW_S, VALUE = 3.0, "x" * 1_024


class Store(SyncObj):  # type: ignore[misc]
    """A dictionary."""

    def __init__(self, me: str, others: list[str], journal: Path) -> None:
        super().__init__(me, others, SyncObjConf(journalFile=str(journal), appendEntriesUseBatch=True))
        self.values: dict[str, str] = {}

    @replicated  # type: ignore[untyped-decorator]
    def put(self, key: str, value: str) -> None:
        """Set a key."""
        self.values[key] = value


def measure(store: Store, outstanding: int) -> float:
    """Return writes a second with so many outstanding, from this process."""
    done, lock, until_s = [0], threading.Lock(), time.monotonic() + WINDOW_S
    ended = threading.Semaphore(0)

    def answered(_result: object, _error: object) -> None:
        with lock:
            done[0] += 1
        if time.monotonic() < until_s:
            store.put("key", VALUE, callback=answered)
        else:
            ended.release()

    begun_s = time.monotonic()
    for _ in range(outstanding):
        store.put("key", VALUE, callback=answered)
    for _ in range(outstanding):
        ended.acquire()
    return done[0] / (time.monotonic() - begun_s)


def main() -> None:
    """Serve until standard input ends."""
    folder, index, ports = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
    addresses = [f"127.0.0.1:{port}" for port in ports]
    store = Store(addresses.pop(index), addresses, folder / f"journal{index}")
    for line in sys.stdin:
        leads = store._isLeader()  # noqa: SLF001 - there is no public way
        print(f"{measure(store, int(line)):.1f}" if leads else "-", flush=True)


main()
