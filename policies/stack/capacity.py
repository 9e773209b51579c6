"""``pods-fit-a-pool``: for every pod there is a node that admits it and is large enough when empty.

A node that is large enough may still be full; whether all pods find room at once is a question for the twin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.stack.examples import environment, node, pool, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from stacks import labels
from stacks.capacity import Amounts, Node
from stacks.demand import Workload
from stacks.environment import NodePool


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
    """Nodes of pools that start empty: an autoscaler will add them when a pod asks."""
    if situation.environment is None:
        return
    present = {n.pool for n in situation.nodes}
    for empty in situation.environment.node_pools:
        if empty.name not in present:
            yield _imagined(empty)


def _imagined(empty: NodePool) -> Node:
    gpu = {labels.GPU_PRESENT: "true", labels.GPU_MODEL: empty.gpu.model} if empty.gpu else {}
    taints = [{"key": labels.GPU_RESOURCE, "value": "present", "effect": "NoSchedule"}] if empty.gpu else []
    taints += [{"key": labels.PURCHASE, "value": "spot", "effect": "NoSchedule"}] if empty.purchase == "spot" else []
    return Node(
        name=f"{empty.name}-0",
        pool=empty.name,
        purchase=empty.purchase,
        region=empty.region,
        zone="",
        instance_type=empty.instance_type,
        price_reference=None,
        gpu_model=empty.gpu.model if empty.gpu else None,
        capacity=Amounts(empty.vcpu_per_node, empty.memory_gib_per_node, empty.gpu.per_node if empty.gpu else 0),
        labels={labels.POOL: empty.name, labels.PURCHASE: empty.purchase, **gpu},
        taints=tuple(taints),
        pool_min=empty.min_nodes,
        pool_max=empty.max_nodes,
    )


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
            (node("cpu-0"), workload("Deployment", "batch", requests={"cpu": 4}, selector={"sandtable.dev/pool": "burst"})),
            environment(node_pools=[pool(), pool("burst", min_nodes=0)]),
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
