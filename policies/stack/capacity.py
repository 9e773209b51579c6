"""``pods-fit-a-pool``: for every pod there is a node that admits it and is large enough when empty.

A node that is large enough may still be full; whether all pods find room at once is a question for the twin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.stack.examples import node, pool_object, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from stacks.graph.capacity import Amounts, Node
from stacks.graph.demand import Workload


def _judge(situation: Situation) -> Iterator[Breach]:
    nodes = (*situation.nodes, *_not_yet_there(situation))
    for placed in situation.workloads:
        if problem := _problem(placed, nodes):
            yield Breach(problem, placed.resource)


def _problem(placed: Workload, nodes: tuple[Node, ...]) -> str | None:
    admitting = [n for n in nodes if placed.admitted_by(n)]
    selector = placed.resource.pod_spec.get("nodeSelector") or {}
    if not admitting:
        # An agent for nodes that this stack does not have (GPU nodes, say) has nothing to do, which is fine.
        return (
            None if placed.per_node else f"no node admits its pods ({_wish(selector)}); pools: {', '.join(sorted({n.pool for n in nodes}))}"
        )
    known = [n for n in admitting if n.capacity is not None]
    if len(known) < len(admitting) or any(placed.requests.fits(n.capacity) for n in known if n.capacity):
        return None
    offers = sorted({f"{n.pool} ({_text(n.capacity)})" for n in known if n.capacity})
    return f"a pod asks for {_text(placed.requests)}; the nodes that admit it are smaller: {', '.join(offers)}"


def _not_yet_there(situation: Situation) -> Iterator[Node]:
    """A node of each pool that starts empty: an autoscaler will add it when a pod asks."""
    present = {n.pool for n in situation.nodes}
    yield from (empty for empty in situation.pools if empty.pool not in present)


def _wish(selector: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(selector.items())) or "every node has a taint that they do not tolerate"


def _text(amounts: Amounts) -> str:
    gpu = f", {amounts.gpu:g} GPU" if amounts.gpu else ""
    return f"{amounts.cpu:g} CPU, {amounts.memory_gib:g} GiB{gpu}"


_GPU_POOL = {"nvidia.com/gpu.present": "true", "sandtable.dev/pool": "gpu"}

PODS_FIT_A_POOL: Final = StackRule(
    id="pods-fit-a-pool",
    title="Every pod fits an empty node of the pool that it names",
    reason="A pod that fits no node waits for ever; nothing fails, and the rollout ends in a timeout that names no cause.",
    fix="Ask for less than a node has, choose a larger instance type, correct the name of the pool, or tolerate the pool's taint.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("half a node", (node("cpu-0"), workload("Deployment", "web", requests={"cpu": 4, "memory": "8Gi"}))),
        StackExample(
            "a GPU on a GPU pool",
            (
                node("gpu-0", pool="gpu", gpus=1, gpu_model="L4"),
                workload("Deployment", "engine", requests={"nvidia.com/gpu": 1}, selector=_GPU_POOL),
            ),
        ),
        StackExample(
            "a pool that starts empty",
            (
                node("cpu-0"),
                pool_object(node("burst-0", pool="burst")),
                workload("Deployment", "batch", requests={"cpu": 4}, selector={"sandtable.dev/pool": "burst"}),
            ),
        ),
    ),
    failing=(
        StackExample("more than a node has", (node("cpu-0"), workload("Deployment", "web", requests={"cpu": 9}))),
        StackExample(
            "a GPU on a pool without GPUs",
            (node("cpu-0"), workload("Deployment", "engine", requests={"nvidia.com/gpu": 1}, selector={"sandtable.dev/pool": "cpu"})),
        ),
        StackExample("a pool that does not exist", (node("cpu-0"), workload("Deployment", "web", selector={"sandtable.dev/pool": "cpus"}))),
    ),
)
