"""The time without writes after a leader is lost: the real protocol (``workloads/consensus/raft``) on a simulated clock.

Nothing of an election is modelled anew: timeouts, the voters' promise to a leader that they heard, PreVote, split votes and the first
entry of the new term are those of the code that serves. What is modelled is the machine: delays, an fsync, and a client that tries the
members in turn until one accepts its write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workloads.consensus.raft.state import Settings
from workloads.consensus.server.driver import ELECTION_TICKS, HEARTBEAT_TICKS
from workloads.consensus.simulation.cluster import Cluster
from workloads.consensus.simulation.network import Weather
from workloads.consensus.store.command import Action, Command, Result

if TYPE_CHECKING:
    from workloads.consensus.simulation.node import Node
    from workloads.consensus.spec import CoordinationSpec

_RETRY_MS: Final = 20.0  # as in workloads/consensus/client/group.py
_LIMIT_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a group runs on.

    Args:
        delay_ms: of a message, one way, with the work at both ends.
        sync_ms: of an fsync.
        connect_ms: of a client's new connection, with its TLS.
    """

    delay_ms: float = 0.3
    sync_ms: float = 0.3
    connect_ms: float = 5.0

    @classmethod
    def measured(cls, *, write_ms: float, sync_ms: float, connect_ms: float) -> Machine:
        """Return the machine on which a write takes so long: four messages, and the followers' fsync beside the leader's."""
        return cls(delay_ms=max(0.05, (write_ms - sync_ms) / 4), sync_ms=sync_ms, connect_ms=connect_ms)


class _Writer:
    """A client that writes without a pause, one write after another, and asks the next member when one does not answer."""

    def __init__(self, cluster: Cluster, machine: Machine) -> None:
        self.acknowledged_ms: list[float] = []
        self._cluster = cluster
        self._machine = machine
        self._connected: Node | None = None
        self._names = list(cluster.nodes)
        self._number = 0
        self._life = 0
        self._next()

    def _next(self) -> None:
        self._number += 1
        self._ask()

    def _ask(self) -> None:
        self._life += 1
        life, node = self._life, self._cluster.nodes[self._names[0]]
        known = node is self._connected
        self._connected = node
        wait_ms = self._machine.delay_ms + (0.0 if known or not node.is_up else self._machine.connect_ms)
        self._cluster.after(wait_ms, lambda: self._arrive(node, life))

    def _arrive(self, node: Node, life: int) -> None:
        if not node.is_up:  # the connection is refused, or was reset
            self._try_another(life)
            return
        node.watchers.append(lambda: self._try_another(life))
        command = Command("writer", self._number, 0, Action.PUT, "key", "value")
        node.request(command, lambda result: self._cluster.after(self._machine.delay_ms, lambda: self._answered(result, life)))

    def _answered(self, result: Result | None, life: int) -> None:
        if life != self._life:
            return
        if result is None:
            self._try_another(life)
            return
        self.acknowledged_ms.append(self._cluster.now_ms)
        self._next()

    def _try_another(self, life: int) -> None:
        if life == self._life:
            self._life += 1
            self._names.append(self._names.pop(0))
            self._cluster.after(_RETRY_MS, self._ask)


def times_without_writes_ms(spec: CoordinationSpec, machine: Machine, *, runs: int = 100, seed: int = 0) -> list[float]:
    """Return the times from the loss of a leader to the next acknowledged write, one for each run.

    Args:
        spec: of the members; their number and their election timeout count.
        machine: what they run on.
        runs: elections; each begins at another moment of a heartbeat.
        seed: of all chance.

    Raises:
        ValueError: two members or fewer never elect another after a loss.
    """
    if len(spec.members) < 3:
        raise ValueError(f"{len(spec.members)} members have no majority without their leader")
    return [_time_ms(spec, machine, seed * 1_000_003 + run) for run in range(runs)]


def _time_ms(spec: CoordinationSpec, machine: Machine, seed: int) -> float:
    settings = Settings(election_ticks=ELECTION_TICKS, heartbeat_ticks=HEARTBEAT_TICKS)
    weather = Weather(min_delay_ms=machine.delay_ms / 2, mean_delay_ms=machine.delay_ms / 2)
    tick_ms = spec.election_ms / ELECTION_TICKS
    cluster = Cluster(seed, spec.members, settings=settings, weather=weather, tick_ms=tick_ms, sync_ms=machine.sync_ms)
    writer = _Writer(cluster, machine)
    assert cluster.run_until(lambda: len(writer.acknowledged_ms) > 3, limit_ms=_LIMIT_MS)
    cluster.run_for(cluster.chance.uniform(0, HEARTBEAT_TICKS * tick_ms))
    assert cluster.leader is not None
    cluster.leader.crash()
    lost_ms, before = cluster.now_ms, len(writer.acknowledged_ms)
    assert cluster.run_until(lambda: len(writer.acknowledged_ms) > before, limit_ms=_LIMIT_MS)
    return writer.acknowledged_ms[before] - lost_ms
