"""Speed of the event store compared with `eventsourcing` 9.5: appends and replay, in memory and in SQLite.

Run with ``nox -s bench_core -- event_store [rounds]``; the peer is in the dependency group ``bench-core``. Both sides keep the same two
fields in an event of the same name, as JSON, and rebuild the same sum. Both SQLite files have a write-ahead log and ``synchronous=FULL``:
one fsync a commit. The sides take turns within a round; printed are medians over the rounds, and the ratio of each round's two figures
with its range. The target is five times the peer.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from workloads.ports.recorder import MemoryRecorder, Recorder
from workloads.records.events.catalogue import Catalogue
from workloads.records.recorders.sqlite import SqliteRecorder
from workloads.records.store import EventStore

#: Events of the stream that is replayed; how long each figure is measured, in seconds; threads that write at once.
LONG, WINDOW_S, WRITERS = 1000, 0.4, 16


@dataclass(frozen=True, slots=True)
class Paid:
    """Ours."""

    amount_cents: int
    note: str


class Account(Aggregate):  # type: ignore[misc]  # the peer is in a group of its own
    """The peer's."""

    def __init__(self) -> None:
        self.balance = 0

    @event("Paid")  # type: ignore[untyped-decorator]
    def paid(self, amount_cents: int, note: str) -> None:  # noqa: ARG002  # a field of the event
        """Take a payment."""
        self.balance += amount_cents


def ours(recorder: Recorder) -> dict[str, Callable[[], int]]:
    """Return the functions to time; each call returns the number of events it has handled."""
    catalogue = Catalogue()
    catalogue.add("paid", Paid)
    store, number = EventStore(recorder, catalogue), count()

    def append(size: int) -> int:
        return store.append(f"account-{next(number)}", [Paid(5, "for nothing")] * size, expected_version=0) and size

    def change() -> int:
        stream = f"account-{next(number)}"
        store.append(stream, [Paid(5, "for nothing")], expected_version=0)
        sum(each.body.amount_cents for each in store.read_stream(stream))
        return store.append(stream, [Paid(5, "for nothing")], expected_version=1) and 1

    def replay() -> int:
        events = store.read_stream("long")
        if sum(each.body.amount_cents for each in events) != 5 * LONG:
            raise SystemExit("the replay is wrong")
        return LONG

    append(1)
    store.append("long", [Paid(5, "for nothing")] * LONG)
    return _named(append, change, replay)


def theirs(environ: dict[str, str]) -> dict[str, Callable[[], int]]:
    """Return the same of the peer."""
    application: Application[Any] = Application(env=environ)

    def account(size: int) -> Account:
        made = Account()
        for _ in range(size - 1):  # its creation is an event too
            made.paid(amount_cents=5, note="for nothing")
        return made

    def append(size: int) -> int:
        application.save(account(size))
        return size

    def change() -> int:
        made = account(1)
        application.save(made)
        loaded: Account = application.repository.get(made.id)
        loaded.paid(amount_cents=5, note="for nothing")
        application.save(loaded)
        return 1

    long = account(LONG + 1)
    application.save(long)

    def replay() -> int:
        found: Account = application.repository.get(long.id)
        if found.balance != 5 * LONG:
            raise SystemExit("the replay is wrong")
        return LONG

    return _named(append, change, replay)


def _named(append: Callable[[int], int], change: Callable[[], int], replay: Callable[[], int]) -> dict[str, Callable[[], int]]:
    return {
        "append, 1 event": partial(append, 1),
        "append, 10 events": partial(append, 10),
        f"append, {WRITERS} writers": partial(at_once, partial(append, 1)),
        "create, load, append": change,
        "replay": replay,
    }


def at_once(append: Callable[[], int]) -> int:
    """Append from :data:`WRITERS` threads."""

    def write() -> None:
        for _ in range(10):
            append()

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 10 * WRITERS


def rate(work: Callable[[], int]) -> float:
    """Return how many a second, over about :data:`WINDOW_S`."""
    done, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < WINDOW_S:
        done += work()
    return done / passed


def sides(folder: Path) -> Iterator[tuple[str, dict[str, Callable[[], int]], dict[str, Callable[[], int]]]]:
    """Yield each kind of storage with the functions of both sides."""
    yield "memory", ours(MemoryRecorder()), theirs({"PERSISTENCE_MODULE": "eventsourcing.popo"})
    file = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "theirs.db")}
    yield "SQLite", ours(SqliteRecorder(folder / "ours.db")), theirs(file)


def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_FOLDER")) as folder:
        for storage, our_work, their_work in sides(Path(folder)):
            for name, work in our_work.items():
                pairs = [(rate(work), rate(their_work[name])) for _ in range(rounds)]
                ratios = sorted(mine / other for mine, other in pairs)
                mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
                print(
                    f"{storage:7} {name:21} {mine:9.0f}/s   eventsourcing {other:8.0f}/s   "
                    f"{statistics.median(ratios):5.1f} x  [{ratios[0]:.1f}, {ratios[-1]:.1f}] n={rounds}"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
