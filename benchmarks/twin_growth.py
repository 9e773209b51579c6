"""How time and memory of the twin grow: with the nodes and the pods of a placement, each alone, and with the requests of a run.

Run with ``python benchmarks/twin_growth.py [nodes|pods|requests]``. Each size is run in a process of its own, whose peak memory is printed.
The last column is the exponent between two sizes, log(time ratio) / log(size ratio): n log n stays near 1.1.
"""

from __future__ import annotations

import math
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from simulations.calibration import published
from simulations.cluster import place
from simulations.twin import Twin
from stacks.graph import Graph, Resource, labels
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

NODES: Final = (100, 1_000, 3_000, 10_000)
PODS: Final = (100, 1_000, 3_000, 10_000)
#: How many of the other there are while one grows.
FEW: Final = 50
REQUESTS: Final = (10_000, 100_000, 1_000_000)
#: Requests per second of each H100, about half of what it can serve.
RATE_PER_S: Final = 12.0


def many_nodes(count: int) -> None:
    """Place a few pods on many nodes."""
    placement(count, FEW)


def many_pods(count: int) -> None:
    """Place many pods on a few nodes."""
    placement(FEW, count)


def placement(node_count: int, pod_count: int) -> None:
    """Place pods of one Deployment on nodes in three zones, each with room for all that come to it."""
    found = [
        Resource(
            urn=f"urn:node-{index}",
            type="kubernetes:core/v1:Node",
            name=f"node-{index:05}",
            inputs={
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": f"node-{index:05}", "labels": {labels.POOL: "cpu", labels.ZONE: "abc"[index % 3]}},
                "status": {"allocatable": {"cpu": "800", "memory": "3200Gi", "pods": "1000"}},
            },
        )
        for index in range(node_count)
    ]
    container = {"name": "web", "image": "web:1.0", "resources": {"requests": {"cpu": "3", "memory": "4Gi"}}}
    spec = {"replicas": pod_count, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}}
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    graph = Graph.of([*found, Resource(urn="urn:web", type="kubernetes:apps/v1:Deployment", name="web", inputs=web)], "benchmark")
    placed = place(workloads(graph), nodes(graph))
    assert len(placed.node_of) == pod_count


def requests(count: int) -> None:
    """Run requests at a constant rate on four engines with paged attention."""
    twin = Twin(tuple(f"engine-{index}" for index in range(4)), EngineSpec(slots=64, context_tokens=2048), published("H100"))
    plan = [PlannedRequest(index, index / (4 * RATE_PER_S), 200 + index % 400, 20 + index % 60) for index in range(count)]
    assert len(twin.run(plan, seed=1).records) == count


def measured(work: Callable[[int], None], count: int, answers: multiprocessing.Queue[tuple[float, float]]) -> None:
    """Put the CPU seconds and the peak memory in MiB of ``work``."""
    begun = time.process_time()
    work(count)
    answers.put((time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def table(words: str, work: Callable[[int], None], sizes: Sequence[int]) -> None:
    """Print a row for each size."""
    print(f"{words:>10}  {'CPU s':>8}  {'µs each':>8}  {'MiB':>6}  exponent")
    before: tuple[int, float] | None = None
    context = multiprocessing.get_context("spawn")
    for size in sizes:
        answers: multiprocessing.Queue[tuple[float, float]] = context.Queue()
        process = context.Process(target=measured, args=(work, size, answers))
        process.start()
        seconds, memory_mib = answers.get()
        process.join()
        exponent = "" if before is None else f"{math.log(seconds / before[1]) / math.log(size / before[0]):.2f}"
        print(f"{size:>10,}  {seconds:>8.2f}  {seconds / size * 1e6:>8.1f}  {memory_mib:>6.0f}  {exponent}", flush=True)
        before = size, seconds


if __name__ == "__main__":
    asked = sys.argv[1:] or ["nodes", "pods", "requests"]
    if "nodes" in asked:
        table("nodes", many_nodes, NODES)
    if "pods" in asked:
        table("pods", many_pods, PODS)
    if "requests" in asked:
        table("requests", requests, REQUESTS)
