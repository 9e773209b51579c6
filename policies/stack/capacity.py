"""``pods-fit-a-pool``: for every pod there is a node that admits it and is large enough when empty.

A node that is large enough may still be full; the twin shows whether all pods fit at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from policies.stack.examples import node, pool_object, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule, Unjudged
from stacks.graph.capacity import GIB, Amounts, Node
from stacks.graph.demand import Workload


def _judge(situation: Situation) -> Iterator[Breach | Unjudged]:
    nodes = (*situation.nodes, *_not_yet_there(situation))
    for placed in situation.workloads:
        if not placed.unreadable and (problem := _problem(placed, nodes)):
            yield problem


def _problem(placed: Workload, nodes: tuple[Node, ...]) -> Breach | Unjudged | None:
    refusals = {node.name: placed.refused_by(node) for node in nodes}
    admitting = [node for node in nodes if refusals[node.name] is None]
    if not admitting:
        # A DaemonSet for nodes that this stack does not have (GPU nodes, say) runs no pods, which is fine.
        return None if placed.per_node else Breach(f"no node admits its pods: {_counted(refusals.values())}", placed.resource)
    if any(node.capacity is not None and placed.requests.fits(node.capacity) for node in admitting):
        return None
    if silent := [node.name for node in admitting if node.capacity is None]:
        return Unjudged(f"nodes that admit it do not say what they offer: {_some(silent)}", placed.resource)
    offers = sorted({f"{node.pool} ({_text(node.capacity)})" for node in admitting if node.capacity})
    lacking = sorted(set.intersection(*(set(placed.requests.exceeding(node.capacity)) for node in admitting if node.capacity)))
    return Breach(
        f"a pod asks for {_text(placed.requests)}; the nodes that admit it have too little{' ' if lacking else ''}{', '.join(lacking)}: "
        f"{', '.join(offers)}",
        placed.resource,
    )


def _counted(reasons: Iterable[str | None]) -> str:
    """``2 of 3 nodes: they select disk=fast; 1 of 3 nodes: its taint gpu:NoSchedule is not tolerated``."""
    found = Counter(reason for reason in reasons if reason)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{count} of {found.total()} nodes: {reason}" for reason, count in ordered)


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(sorted(names)[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _not_yet_there(situation: Situation) -> Iterator[Node]:
    """Yield one node of each pool that starts empty: an autoscaler adds it when a pod needs it."""
    present = {n.pool for n in situation.nodes}
    yield from (empty for empty in situation.pools if empty.pool not in present)


def _amount(name: str, amount: float) -> str:
    return f"{amount / GIB:g} GiB of" if name == "ephemeral-storage" or name.startswith("hugepages-") else f"{amount:g}"


def _text(amounts: Amounts) -> str:
    gpu = f", {amounts.gpu:g} GPU" if amounts.gpu else ""
    others = "".join(f", {_amount(name, amount)} {name}" for name, amount in sorted(amounts.others.items()))
    return f"{amounts.cpu:g} CPU, {amounts.memory_gib:g} GiB{gpu}{others}"


_GPU_POOL = {"nvidia.com/gpu.present": "true", "sandtable.dev/pool": "gpu"}

PODS_FIT_A_POOL: Final = StackRule(
    id="pods-fit-a-pool",
    title="Every pod fits an empty node of the pool that it names",
    reason="A pod that fits no node stays pending forever. Nothing fails, and the rollout ends with a timeout that names no cause.",
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
        StackExample(
            "a slice of a GPU that no node has", (node("cpu-0"), workload("Deployment", "mig", requests={"nvidia.com/mig-1g.5gb": 1}))
        ),
        StackExample(
            "another maker's GPU", (node("gpu-0", gpus=8, gpu_model="L4"), workload("Deployment", "amd", requests={"amd.com/gpu": 1}))
        ),
        StackExample("a pool that does not exist", (node("cpu-0"), workload("Deployment", "web", selector={"sandtable.dev/pool": "cpus"}))),
    ),
)
