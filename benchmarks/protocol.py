"""Figures of the protocol without processes: RPCs against the limits of MIT's lab 3, simulated RPCs a second, the checker.

Run with ``nox -s bench_core -- protocol [folder of histories]``. A reply belongs to its request and is not counted. Times are CPU
seconds of this process: nothing waits. The histories and their verdicts are Porcupine's (102 of etcd under Jepsen); without them that row
is skipped.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workloads.consensus.checking.key_value import step
from workloads.consensus.checking.linearizability import Outcome, check
from workloads.consensus.checking.logs import read_jepsen
from workloads.consensus.raft.state import Settings
from workloads.consensus.simulation.clients import Client
from workloads.consensus.simulation.cluster import Cluster
from workloads.consensus.simulation.run import simulate
from workloads.consensus.store.command import Action, Command

REQUESTS = "VoteRequest", "AppendRequest", "Heartbeat", "SnapshotRequest"
#: porcupine_test.go: the numbers of those that are linearizable.
LINEARIZABLE = {2, 5, 7, 18, 25, 31, 38, 45, 48, 49, 51, 53, 56, 67, 75, 76, 80, 87, 92, 98, 100, 101, 102}
HISTORIES = Path(__file__).parents[2] / "shared" / "data" / "linearizability"


def requests(cluster: Cluster) -> int:
    """Return the RPCs so far."""
    return sum(cluster.sent.get(name, 0) for name in REQUESTS)


def lab_3() -> None:
    """Print RPCs of an election, of agreement and of an idle second, with the lab's times: an election timeout of a second."""
    cluster = Cluster(1, ["n0", "n1", "n2"], settings=Settings(election_ticks=10, heartbeat_ticks=1), tick_ms=100.0)
    assert cluster.run_until(lambda: all(node.member.leader for node in cluster.nodes.values()), limit_ms=10_000)
    leader = cluster.leader
    assert leader is not None
    print(f"  initial election: {requests(cluster)} RPCs; at most 30")
    cluster.run_for(1_000)
    before, applied = requests(cluster), leader.applied
    for number in range(12):
        leader.member.propose(Command(f"c{number}", 1, 0, Action.PUT, "key", "value").encoded())
    leader.pump()
    assert cluster.run_until(lambda: all(node.applied >= applied + 12 for node in cluster.nodes.values()), limit_ms=5_000)
    print(f"  12 commands agreed and applied everywhere: {requests(cluster) - before} RPCs; at most 42")
    before = requests(cluster)
    cluster.run_for(1_000)
    print(f"  an idle second: {requests(cluster) - before} RPCs; at most 60")


def rate(label: str, run: Callable[[], int]) -> None:
    """Print the RPCs that ``run`` returns, a CPU second; the median of five."""
    rates = []
    for _ in range(5):
        begun_s = time.process_time()
        count = run()
        rates.append(count / (time.process_time() - begun_s))
    print(f"  {label}: {sorted(rates)[2]:,.0f} RPCs/s ({min(rates):,.0f} to {max(rates):,.0f}); at least 10,000")


def healthy() -> int:
    """Run three members and five clients on a good network."""
    cluster = Cluster(1, ["n0", "n1", "n2"])
    for number in range(5):
        Client(f"c{number}", cluster)
    cluster.run_for(5_000)
    return requests(cluster)


def under_faults() -> int:
    """Run ten seeds of CI; messages, halved for the replies."""
    return sum(simulate(seed).messages for seed in range(1, 11)) // 2


def checker(folder: Path) -> None:
    """Print how many verdicts are right, and how long they took."""
    if not folder.is_dir():
        print(f"  skipped: no histories in {folder}")
        return
    histories = {int(path.stem[-3:]): read_jepsen(path) for path in sorted(folder.glob("jepsen/etcd_*.log"))}
    begun_s = time.process_time()
    verdicts = {number: check(history, step).outcome for number, history in histories.items() if history}
    took_s = time.process_time() - begun_s
    right = sum(
        outcome is not Outcome.UNKNOWN and (outcome is Outcome.LINEARIZABLE) == (number in LINEARIZABLE)
        for number, outcome in verdicts.items()
    )
    print(f"  {right} of {len(verdicts)} verdicts right, {took_s:.2f} s; at most 7 s")


def main(folder: Path = HISTORIES) -> None:
    """Measure and print."""
    print(f"protocol, one process, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print("lab 3:")
    lab_3()
    print("simulated RPCs through the real core:")
    rate("three members, five clients, no faults, all invariants after every event", healthy)
    rate("ten seeds of CI under faults, histories checked", under_faults)
    print("checker:")
    checker(folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
