"""The Raft scenarios of MIT 6.5840 (2026), lab 3, on a simulated clock; numbers of RPCs are held to the course's limits."""

from __future__ import annotations

import random
from typing import Any

import pytest

# 3A: elections.


def test_3a_initial_election(lab: Any) -> None:
    group = lab()
    group.one_leader()
    assert 1 <= group.requests <= 30
    term = group.one_leader().member.term
    group.run(2_000)
    assert group.one_leader().member.term == term


def test_3a_reelection(lab: Any) -> None:
    group = lab()
    first = group.one_leader().name
    group.disconnect(first)
    second = group.one_leader().name
    assert second != first
    group.connect(first)
    assert group.one_leader().name == second
    other = next(name for name in group.nodes if name not in {first, second})
    group.disconnect(second, other)
    group.run(2_000)
    assert not group.connected_leaders()
    group.connect(other)
    group.one_leader()
    group.connect(second)
    group.one_leader()


def test_3a_many_elections(lab: Any) -> None:
    group, chance = lab(7), random.Random(1)
    group.one_leader()
    for _ in range(10):
        names = chance.sample(list(group.nodes), 3)
        group.disconnect(*names)
        group.one_leader()
        group.connect(*names)
    group.one_leader()


# 3B: the log.


def test_3b_basic_agree(lab: Any) -> None:
    group = lab()
    for _ in range(3):
        group.one(3)


def test_3b_rpc_bytes(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command goes to each follower once."""
    group, sent = lab(), list[int]()
    group.one(3)
    send = group.cluster.send

    def weighed(message: Any) -> None:
        sent.extend(len(entry.data) for entry in getattr(message, "entries", ()))
        send(message)

    monkeypatch.setattr(group.cluster, "send", weighed)
    for _ in range(10):
        group.one(3, size=5_000)
    assert 2 * 50_000 <= sum(sent) <= 2 * 50_000 + 50_000


def test_3b_follower_failure(lab: Any) -> None:
    group = lab()
    group.one(3)
    leader = group.one_leader().name
    followers = [name for name in group.nodes if name != leader]
    group.disconnect(followers[0])
    group.one(2)
    group.run(1_000)
    group.one(2)
    group.disconnect(followers[1])
    command = group.start(group.nodes[leader])
    assert command is not None
    group.run(2_000)
    assert group.holders(command) == 0


def test_3b_leader_failure(lab: Any) -> None:
    group = lab()
    group.one(3)
    group.disconnect(group.one_leader().name)
    group.one(2)
    group.run(1_000)
    group.disconnect(group.one_leader().name)
    commands = [group.start(node) for node in group.nodes.values()]
    group.run(2_000)
    assert all(group.holders(command) == 0 for command in commands if command)


def test_3b_fail_agree(lab: Any) -> None:
    group = lab()
    group.one(3)
    follower = next(name for name in group.nodes if name != group.one_leader().name)
    group.disconnect(follower)
    for _ in range(4):
        group.one(2)
    group.connect(follower)
    group.one(3)


def test_3b_fail_no_agree(lab: Any) -> None:
    group = lab(5)
    group.one(5)
    leader = group.one_leader()
    followers = [name for name in group.nodes if name != leader.name]
    group.disconnect(*followers[:3])
    command = group.start(leader)
    assert command is not None
    group.run(2_000)
    assert group.holders(command) == 0
    group.connect(*followers[:3])
    group.one_leader()
    group.one(5)


def test_3b_concurrent_starts(lab: Any) -> None:
    group = lab()
    leader = group.one_leader()
    commands = [group.start(leader) for _ in range(5)]
    assert all(commands)
    assert group.cluster.run_until(lambda: all(command and group.holders(command) == 3 for command in commands), limit_ms=2_000)


def test_3b_rejoin(lab: Any) -> None:
    group = lab()
    group.one(3)
    first = group.one_leader()
    group.disconnect(first.name)
    for _ in range(3):
        group.start(first)
    group.one(2)
    second = group.one_leader()
    group.disconnect(second.name)
    group.connect(first.name)
    group.one(2)
    group.connect(second.name)
    group.one(3)


def test_3b_backup(lab: Any) -> None:
    """A log with many entries that never committed is brought in line a term at a time."""
    group, count = lab(5), 50
    group.one(5)
    first = group.one_leader()
    others = [name for name in group.nodes if name != first.name]
    group.disconnect(*others[1:])
    assert all(group.start(first) for _ in range(count))
    group.run(500)
    group.disconnect(first.name, others[0])
    group.connect(*others[1:])
    for _ in range(count):
        group.one(3)
    second = group.one_leader()
    away = next(name for name in others[1:] if name != second.name)
    group.disconnect(away)
    assert all(group.start(second) for _ in range(count))
    group.run(500)
    group.disconnect(*group.nodes)
    group.connect(first.name, others[0], away)
    for _ in range(count):
        group.one(3)
    group.connect(*group.nodes)
    group.one(5)


def test_3b_count(lab: Any) -> None:
    group = lab()
    leader = group.one_leader()
    group.run(200)
    before = group.requests
    commands = [group.start(leader) for _ in range(12)]
    assert group.cluster.run_until(lambda: all(command and group.holders(command) == 3 for command in commands), limit_ms=2_000)
    assert group.requests - before <= 42
    before = group.requests
    group.run(1_000)
    assert group.requests - before <= 60


# 3C: what is durable.


def test_3c_persist_1(lab: Any) -> None:
    group = lab()
    group.one(3)
    group.crash(*group.nodes)
    group.restart(*group.nodes)
    group.one(3)
    for name in (group.one_leader().name, next(name for name in group.nodes if name != group.one_leader().name)):
        group.crash(name)
        group.one(2)
        group.restart(name)
        group.one(3)


def test_3c_persist_2(lab: Any) -> None:
    group = lab(5)
    for _ in range(3):
        group.one(5)
        leader = group.one_leader().name
        others = [name for name in group.nodes if name != leader]
        group.crash(*others[:2])
        group.one(3)
        group.crash(leader, *others[2:])
        group.restart(*others[:2])
        group.run(1_000)
        group.restart(others[2])
        group.run(1_000)
        group.restart(leader, others[3])
        group.one(5)


def test_3c_persist_3(lab: Any) -> None:
    group = lab()
    group.one(3)
    leader, *others = sorted(group.nodes, key=lambda name: name != group.one_leader().name)
    group.disconnect(others[1])
    group.one(2)
    group.crash(leader, others[0])
    group.connect(others[1])
    group.restart(leader)
    group.one(2)
    group.restart(others[0])
    group.one(3)


@pytest.mark.parametrize("unreliable", [False, True], ids=["figure_8", "figure_8_unreliable"])
def test_3c_figure_8(lab: Any, unreliable: bool) -> None:
    group, chance = lab(5, unreliable=unreliable), random.Random(8)
    for _ in range(100):
        for node in group.connected_leaders():
            group.start(node)
            group.run(chance.choice((chance.uniform(0, 500), chance.uniform(0, 13))))
            group.crash(node.name)
        group.run(50)
        up = sum(node.is_up for node in group.nodes.values())
        down = [name for name, node in group.nodes.items() if not node.is_up]
        if up < 3:
            group.restart(chance.choice(down))
    group.restart(*(name for name, node in group.nodes.items() if not node.is_up))
    group.one(5)


def test_3c_unreliable_agree(lab: Any) -> None:
    group = lab(5, unreliable=True)
    for _ in range(30):
        group.one(1)
    group.one(5)


@pytest.mark.parametrize("unreliable", [False, True], ids=["reliable_churn", "unreliable_churn"])
def test_3c_churn(lab: Any, unreliable: bool) -> None:
    group, chance = lab(5, unreliable=unreliable), random.Random(3)
    for _ in range(20):
        for node in group.connected_leaders():
            group.start(node)
        name = chance.choice(list(group.nodes))
        match chance.randrange(3):
            case 0:
                group.disconnect(name)
            case 1 if not group.nodes[name].is_up:
                group.restart(name)
            case _:
                group.crash(name)
        group.run(700)
    group.connect(*group.nodes)
    group.restart(*(name for name, node in group.nodes.items() if not node.is_up))
    group.one(5)


# 3D: snapshots; nodes compact after ten entries.


@pytest.mark.parametrize("unreliable", [False, True], ids=["reliable", "unreliable"])
@pytest.mark.parametrize("trouble", ["none", "disconnect", "crash"])
def test_3d_snapshots(lab: Any, trouble: str, unreliable: bool) -> None:
    group, chance = lab(unreliable=unreliable), random.Random(4)
    group.one(3)
    for turn in range(10):
        leader = group.one_leader().name
        victim = leader if turn % 3 == 1 else chance.choice([name for name in group.nodes if name != leader])
        if trouble == "disconnect":
            group.disconnect(victim)
        elif trouble == "crash":
            group.crash(victim)
        for _ in range(12):
            group.one(3 if trouble == "none" else 2)
        assert all(
            node.member.log.last_index - node.member.log.start < 40
            for node in group.nodes.values()
            if node.is_up and node.name not in group.cut
        )
        if trouble == "disconnect":
            group.connect(victim)
        elif trouble == "crash":
            group.restart(victim)
        group.one(3)
    if trouble != "none":
        assert group.cluster.sent["SnapshotRequest"] > 0


@pytest.mark.parametrize("commands", [1, 25], ids=["init", "all_crash"])
def test_3d_all_crash(lab: Any, commands: int) -> None:
    group = lab()
    for _ in range(3):
        for _ in range(commands):
            group.one(3)
        group.crash(*group.nodes)
        group.restart(*group.nodes)
    group.one(3)
