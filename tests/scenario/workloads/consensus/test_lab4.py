"""The key-value scenarios of MIT 6.5840 (2026), lab 4, on a simulated clock; an undecided history is a failure."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from workloads.consensus.checking import key_value
from workloads.consensus.checking.linearizability import Outcome, check
from workloads.consensus.raft.state import Settings
from workloads.consensus.simulation.clients import Client
from workloads.consensus.simulation.cluster import Cluster
from workloads.consensus.simulation.network import Weather
from workloads.consensus.store.command import Action, Command, Result

#: labrpc's unreliable network, a tenth as slow, as everything here is.
UNRELIABLE = Weather(mean_delay_ms=1.3, loss=0.1)
NEVER = 1_000_000


@dataclass(frozen=True)
class Scenario:
    """One call of the lab's ``GenericTest``."""

    name: str
    clients: int = 1
    members: int = 5
    unreliable: bool = False
    crash: bool = False
    partitions: bool = False
    compact_after: int = NEVER
    keys: int = 5


def of(name: str, clients: int, *traits: str, compact_after: int = NEVER, members: int = 5, keys: int = 5) -> Scenario:
    flags = dict.fromkeys(traits, True)
    return Scenario(name, clients, members, compact_after=compact_after, keys=keys, **flags)


SCENARIOS = (
    of("4a_basic", 1, members=3),
    of("4a_concurrent", 5, members=3),
    of("4a_leader_failure", 1, "crash", members=3),
    of("4a_leader_partition", 3, "partitions", members=3),
    of("4a_restart_replay", 5, "crash", members=3, keys=1),
    of("4b_basic", 1),
    of("4b_concurrent", 5),
    of("4b_unreliable", 5, "unreliable"),
    of("4b_unreliable_one_key", 5, "unreliable", keys=1),
    of("4b_many_partitions_one_client", 1, "partitions"),
    of("4b_many_partitions_many_clients", 5, "partitions"),
    of("4b_persist_one_client", 1, "crash"),
    of("4b_persist_concurrent", 5, "crash"),
    of("4b_persist_concurrent_unreliable", 5, "unreliable", "crash"),
    of("4b_persist_partition", 5, "crash", "partitions"),
    of("4b_persist_partition_unreliable", 5, "unreliable", "crash", "partitions"),
    of("4b_persist_partition_unreliable_linearizable", 15, "unreliable", "crash", "partitions", members=7),
    of("4c_snapshot_recover", 1, "crash", compact_after=10),
    of("4c_snapshot_recover_many_clients", 20, "crash", compact_after=10),
    of("4c_snapshot_unreliable", 5, "unreliable", compact_after=10),
    of("4c_snapshot_unreliable_recover", 5, "unreliable", "crash", compact_after=10),
    of("4c_snapshot_unreliable_recover_concurrent_partition", 5, "unreliable", "crash", "partitions", compact_after=10),
    of(
        "4c_snapshot_unreliable_recover_concurrent_partition_linearizable",
        15,
        "unreliable",
        "crash",
        "partitions",
        compact_after=10,
        members=7,
    ),
)


def cluster_of(members: int, *, compact_after: int, unreliable: bool = False, seed: int = 1) -> Cluster:
    names = [f"n{number}" for number in range(members)]
    cluster = Cluster(seed, names, settings=Settings(heartbeat_ticks=3), weather=UNRELIABLE if unreliable else None)
    for node in cluster.nodes.values():
        node.compact_after = compact_after
        node.crash()
        cluster.start(node.name)
    return cluster


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_generic(scenario: Scenario) -> None:
    cluster = cluster_of(scenario.members, compact_after=scenario.compact_after, unreliable=scenario.unreliable)
    clients = [Client(f"c{number}", cluster, keys=scenario.keys) for number in range(scenario.clients)]
    for _ in range(3):
        for _ in range(4 if scenario.partitions else 1):
            if scenario.partitions:
                side = cluster.chance.sample(list(cluster.nodes), scenario.members // 2)
                cluster.network.part(side, cluster.nodes)
            cluster.run_for(150 if scenario.partitions else 300)
            cluster.network.heal()
        if scenario.crash:
            for node in cluster.nodes.values():
                node.crash()
            cluster.run_for(50)
            for name in cluster.nodes:
                cluster.start(name)
        answered = [client.answered for client in clients]
        assert cluster.run_until(
            lambda: all(client.answered > before for client, before in zip(clients, answered, strict=True)),  # noqa: B023 - called in this turn
            limit_ms=10_000,
        )
    verdict = check([each for client in clients for each in client.finish()], key_value.step, step_budget=1_000_000)
    assert verdict.outcome is Outcome.LINEARIZABLE, str(verdict)
    if scenario.compact_after < NEVER:
        assert max(node.member.log.start for node in cluster.nodes.values()) > 0


def put(cluster: Cluster, client: str, number: int, value: str) -> Result:
    """Have one put done, by whoever leads."""
    answers: list[Result | None] = []
    command = Command(client, number, int(cluster.now_ms), Action.PUT, "key", value)
    while not answers or answers[-1] is None:
        leader = cluster.leader
        if leader is not None:
            leader.request(command, answers.append)
        assert cluster.run_until(lambda: bool(answers) or cluster.leader is not leader, limit_ms=1_000) or leader is None  # noqa: B023
        if leader is None or not answers or answers[-1] is None:
            cluster.run_for(20)
            answers = [each for each in answers if each is not None]
    assert answers[-1] is not None
    return answers[-1]


@pytest.mark.parametrize("compact_after", [NEVER, 10], ids=["4b_speed", "4c_speed"])
def test_speed(compact_after: int) -> None:
    """A thousand puts one after another, three in a heartbeat of the lab's at least (100 ms)."""
    cluster = cluster_of(3, compact_after=compact_after)
    put(cluster, "c", 1, "first")
    begun_ms = cluster.now_ms
    for number in range(2, 1_002):
        put(cluster, "c", number, str(number))
    assert (cluster.now_ms - begun_ms) / 1_000 <= 33.3


def test_4a_what_was_begun_at_a_lost_leader_is_done_once_after_its_restart() -> None:
    """Shutdown and RestartSubmit: a command is asked of a leader that is lost, and again after everyone has restarted."""
    cluster = cluster_of(3, compact_after=NEVER)
    put(cluster, "c", 1, "1")
    leader = cluster.leader
    assert leader is not None
    leader.request(Command("c", 2, int(cluster.now_ms), Action.PUT, "key", "2"), lambda _result: None)
    for node in cluster.nodes.values():
        node.crash()
    for name in cluster.nodes:
        cluster.start(name)
    result = put(cluster, "c", 2, "2")
    assert result.ok
    assert result.revision == 2


def test_4c_a_member_that_was_away_catches_up_by_a_snapshot_and_snapshots_stay_small() -> None:
    """SnapshotRPC and SnapshotSize: the log stays within eight times its bound, a snapshot within 500 bytes."""
    cluster = cluster_of(3, compact_after=10)
    put(cluster, "c", 1, "first")
    away = next(node for node in cluster.nodes.values() if node is not cluster.leader)
    cluster.network.part([away.name], cluster.nodes)
    for number in range(2, 102):
        put(cluster, "c", number, str(number))
        assert all(node.member.log.last_index - node.member.log.start <= 80 for node in cluster.nodes.values() if node is not away)
    sent = cluster.sent.get("SnapshotRequest", 0)
    cluster.network.heal()
    assert cluster.run_until(lambda: away.replica.machine.get("key").value == "101", limit_ms=5_000)
    assert cluster.sent["SnapshotRequest"] > sent
    assert len(away.replica.machine.snapshot()) < 500
