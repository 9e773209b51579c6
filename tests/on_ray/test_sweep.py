"""Sweeps on a real Ray cluster of two nodes on loopback: the same answers, from both nodes, and errors with a remedy."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the dependency group `ray`: nox -s ray")

from foundation.processes.free_port import free_port
from simulations.calibration import published
from simulations.errors import SimulationError
from simulations.sweeps import Workers
from simulations.sweeps.on_ray import OnRay
from simulations.twin import Twin
from stacks.errors import ConfigurationError
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

#: A worker imports what it is sent by name; no statistics leave the machine.
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(Path(__file__).parents[2])}


def simulate(replicas: int) -> tuple[float, float]:
    """A twin that is small, and has the same result wherever it runs."""
    twin = Twin(tuple(f"e{n}" for n in range(replicas)), EngineSpec(slots=8, context_tokens=4096), published("H100"))
    outcome = twin.run([PlannedRequest(n, n / 40, 512, 32) for n in range(200)], seed=1).outcome
    return outcome.ttft_ms.p95, outcome.e2e_ms.p95


def node_of(seconds: float) -> str:
    """The node that this runs on; it takes a while, so that the other one has something to do, too."""
    import ray

    time.sleep(seconds)
    return str(ray.get_runtime_context().get_node_id())


def refuse(number: int) -> int:
    raise ConfigurationError(f"{number} is refused")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A head and a second node."""
    from ray.cluster_utils import Cluster

    os.environ |= SETTINGS
    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    # Two addresses of loopback, so that the nodes are two; Ray would take 127.0.0.1 for the machine's address outside.
    cluster = Cluster(initialize_head=True, head_node_args=node | {"node_ip_address": "127.0.0.2"})
    try:
        cluster.add_node(**node, node_ip_address="127.0.0.3")
        cluster.wait_for_nodes(timeout=120)
        yield str(cluster.address)
    finally:
        cluster.shutdown()


def test_the_answers_are_those_of_worker_processes(address: str) -> None:
    items = [1, 2, 3, 4]
    with OnRay(address) as cluster, Workers(2) as workers:
        assert cluster.map(simulate, items) == workers.map(simulate, items)


def test_both_nodes_work(address: str) -> None:
    with OnRay(address) as cluster:
        assert len(set(cluster.map(node_of, [2.0] * 4))) == 2


def test_an_error_of_an_item_is_raised_here(address: str) -> None:
    with OnRay(address) as cluster, pytest.raises(ConfigurationError, match="is refused"):
        cluster.map(refuse, [1, 2])


def test_no_cluster_is_an_error_that_says_how_to_start_one() -> None:
    with pytest.raises(SimulationError, match="ray start --head"):
        OnRay(f"127.0.0.1:{free_port()}")
