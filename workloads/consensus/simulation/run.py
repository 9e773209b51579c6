"""One seed: events full of faults, then a healthy end in which the group must answer; what clients saw must be linearizable."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.consensus.checking import key_value
from workloads.consensus.checking.linearizability import Outcome, check
from workloads.consensus.raft.member import Member
from workloads.consensus.raft.state import Settings
from workloads.consensus.simulation.clients import Client
from workloads.consensus.simulation.cluster import Cluster
from workloads.consensus.simulation.nemesis import Nemesis


class HistoryError(AssertionError):
    """What clients saw is not possible on one copy, or could not be decided."""


class LivenessError(AssertionError):
    """A group without faults made no progress."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a seed did; equal seeds have equal runs.

    Attributes:
        events: of the simulation, the healthy end included.
        messages: between members.
        answered: commands whose result reached the client.
        trace_hash: of all messages.
    """

    seed: int
    events: int
    messages: int
    answered: int
    committed: int
    trace_hash: str


def replay_command(seed: int, events: int) -> str:
    """Return the command that runs one seed again."""
    return f"python -m workloads.consensus.simulation --first {seed} --seeds 1 --events {events}"


def simulate(
    seed: int, *, events: int = 2_000, members: int = 3, clients: int = 5, member: type[Member] = Member, loses_syncs: bool = False
) -> Run:
    """Run one seed.

    Args:
        seed: of all chance.
        events: with faults, before the healthy end.
        members: voters at first; two more nodes wait to become members.
        clients: that read and write.
        member: the class of the members.
        loses_syncs: the disks lie.

    Raises:
        InvariantError: an invariant broke.
        HistoryError: the clients' history is not linearizable.
        LivenessError: healed, the group answered no client.
    """
    names = [f"n{number}" for number in range(1, members + 3)]
    cluster = Cluster(
        seed, names[:members], spares=names[members:], settings=Settings(heartbeat_ticks=3), member=member, loses_syncs=loses_syncs
    )
    users = [Client(f"c{number}", cluster) for number in range(1, clients + 1)]
    nemesis = Nemesis(cluster)
    while cluster.events < events:
        cluster.step()
    nemesis.stop()
    answered = [user.answered for user in users]

    def all_answered() -> bool:
        return all(user.answered >= before + 2 for user, before in zip(users, answered, strict=True))

    if not cluster.run_until(all_answered, limit_ms=30_000):
        raise LivenessError("30 s after all faults ended, not every client was answered")
    verdict = check([operation for user in users for operation in user.finish()], key_value.step, step_budget=1_000_000)
    if verdict.outcome is not Outcome.LINEARIZABLE:
        raise HistoryError(str(verdict))
    return Run(
        seed,
        cluster.events,
        sum(cluster.sent.values()),
        sum(user.answered for user in users),
        max(cluster.invariants.committed, default=0),
        cluster.trace_hash,
    )
