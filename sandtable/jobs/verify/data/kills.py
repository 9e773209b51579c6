"""Drills on the stores and the bus: the server is killed under writes, again and again, and every acknowledged write must be there.

Rule 1: a write counts as acknowledged once the server has said so; one that was on its way when the server died may be there or not.
Rule 2: the kill is SIGKILL to the server's first process, which takes the container with it; the kubelet starts it again.
Rule 3: the comparison has a control: a number that nobody wrote must be found missing.

What a killed process has handed to the kernel outlives it, whatever it does about fsync: a control without fsync would lose nothing. Writes
that are acknowledged from memory are lost: PostgreSQL's commits with ``synchronous_commit=off``, JetStream's streams in memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from sandtable.jobs.verify.check import Check, require, wait_until
from sandtable.jobs.verify.data.writers import JetStreamWriter, PostgresWriter, RedisWriter
from stacks.errors import ClusterError

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground, Pod

ROUNDS: Final = 20
_WRITES_A_ROUND: Final = 25
_BACK_WITHIN_S: Final = 90.0
_POLL_S: Final = 0.1
_NEVER_WRITTEN: Final = -1


class Writer(Protocol):
    """Writes numbers to one server, and reads them back."""

    def prepare(self) -> None:
        """Make a place for the numbers; it fails with a ClusterError or an OSError while the server is away."""

    def write(self, numbers: Iterator[int], acknowledged: Callable[[int], object]) -> None:
        """Write until the server dies, which is an OSError or a ClusterError; tell of each acknowledged number."""

    def stored(self) -> set[int]:
        """Return the numbers that are there."""

    def remove(self) -> None:
        """Remove the place again."""


class Survived(NamedTuple):
    """What rounds of kills left: acknowledged and lost writes, the seconds until the server wrote again, of each round."""

    acknowledged: int
    lost: int
    back_s: list[float]


def kill_rounds(ground: Ground, victim: Callable[[], Pod], container: str, writer: Writer, rounds: int = ROUNDS) -> Survived:
    """Kill the server of ``container`` in the pod that ``victim`` returns, under writes, ``rounds`` times.

    Raises:
        CheckFailedError: it does not come back, or the comparison finds what nobody wrote.
        NotRunError: its process is not found.
    """
    _until_back(writer.prepare)
    numbers, acknowledged, back_s = iter(range(1, 10**9)), set[int](), []
    for _ in range(rounds):
        enough = len(acknowledged) + _WRITES_A_ROUND
        thread = threading.Thread(target=_write, args=(writer, numbers, acknowledged.add), daemon=True)
        thread.start()
        wait_until(
            lambda enough=enough: len(acknowledged) >= enough,  # type: ignore[misc]  # bound
            "writes are not acknowledged",
            within_s=_BACK_WITHIN_S,
            poll_s=_POLL_S / 10,
        )
        pod = victim()
        killed_at = time.monotonic()
        ground.first_process(pod, container).kill()
        thread.join(_BACK_WITHIN_S)
        _until_back(writer.prepare)
        back_s.append(time.monotonic() - killed_at)
    missing = (acknowledged | {_NEVER_WRITTEN}) - writer.stored()
    require(_NEVER_WRITTEN in missing, "a number that nobody wrote is there")
    writer.remove()
    wait_until(lambda: bool((now := ground.again(victim())) and now.ready), "the pod is not ready again", within_s=_BACK_WITHIN_S)
    return Survived(len(acknowledged), len(missing) - 1, sorted(back_s))


def _write(writer: Writer, numbers: Iterator[int], acknowledged: Callable[[int], object]) -> None:
    with suppress(OSError, ClusterError):
        writer.write(numbers, acknowledged)


def _until_back(attempt: Callable[[], None]) -> None:
    def back() -> bool:
        attempt()
        return True

    wait_until(back, "the server is not back", within_s=_BACK_WITHIN_S, poll_s=_POLL_S, despite=(OSError, ClusterError))


def _said(survived: Survived, what: str, control: str) -> str:
    require(
        survived.lost == 0, f"{survived.lost} of {survived.acknowledged} acknowledged writes are lost after {len(survived.back_s)} kills"
    )
    median, longest = survived.back_s[len(survived.back_s) // 2], survived.back_s[-1]
    return (
        f"{len(survived.back_s)} kills, {survived.acknowledged} acknowledged {what}, none lost; "
        f"writes again after {median:.1f} s (median), {longest:.1f} s at most; {control}"
    )


def postgresql(ground: Ground) -> str:
    """Kill PostgreSQL under commits; the control commits without waiting for its log."""
    from sandtable.jobs.verify.data.stores import store_pods

    (pod, *_) = store_pods(ground, "postgresql")
    survived = kill_rounds(ground, lambda: pod, "postgresql", PostgresWriter(ground.api, pod))
    lazy = kill_rounds(ground, lambda: pod, "postgresql", PostgresWriter(ground.api, pod, lazily=True), rounds=5)
    require(lazy.lost, "commits that did not wait for the log are all there, so that the kills came too late to lose any")
    return _said(survived, "commits", f"control without waiting for the log: {lazy.lost} of {lazy.acknowledged} lost in 5 kills")


def redis(ground: Ground) -> str:
    """Kill Redis under writes."""
    from sandtable.jobs.verify.data.stores import store_password, store_pods

    (pod, *_) = store_pods(ground, "redis")
    survived = kill_rounds(ground, lambda: pod, "redis", RedisWriter(ground.node, pod, store_password(ground)))
    return _said(survived, "keys", "no control loses any: its log is with the kernel before it answers")


def nats(ground: Ground) -> str:
    """Kill NATS under publications to a stream on disk; the control's stream is in memory."""
    from sandtable.jobs.verify.data.stores import bus_pod

    pod = bus_pod(ground)
    survived = kill_rounds(ground, lambda: pod, "nats", JetStreamWriter(ground.node, pod))
    forgotten = kill_rounds(ground, lambda: pod, "nats", JetStreamWriter(ground.node, pod, storage="memory"), rounds=1)
    require(forgotten.lost, "a stream in memory lost nothing, so that the kill did not reach the server")
    return _said(survived, "messages", f"control in memory: {forgotten.lost} of {forgotten.acknowledged} lost in one kill")


def checks() -> Iterator[Check]:
    """Yield the drills."""
    proves = "every acknowledged write survives 20 kills of its server"
    yield Check(
        "kill-postgresql", "data", proves, "commits that do not wait for the log may be lost", postgresql, drill=True, needs_pods=True
    )
    yield Check("kill-redis", "data", proves, "a key that nobody wrote is found missing", redis, drill=True, needs_pods=True)
    yield Check("kill-nats", "messages", proves, "a stream in memory loses its messages", nats, drill=True, needs_pods=True)
