"""``gpu-models-are-priced``: every GPU pool has a row in the price book, and the row is for the same kind of machine.

A pool that starts empty is checked, too: once pods need it, it grows and costs money.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.stack.examples import Manifest, node, pool_object
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from stacks.graph import Resource, labels
from stacks.graph.capacity import Node
from stacks.pricing.prices import Price, UnpricedError


def _judge(situation: Situation) -> Iterator[Breach]:
    for pool in situation.pools:
        if (pool.gpu_model or (pool.capacity and pool.capacity.gpu)) and (problem := _problem(pool, situation)):
            yield Breach(f"pool {pool.pool}: {problem}", _where(pool, situation))


def _where(pool: Node, situation: Situation) -> Resource | None:
    """The pool's first node; the object that describes the pool if it has no nodes."""
    return situation.graph.find("Node", pool.name) or next(situation.graph.with_label(labels.POOL, pool.pool, "ConfigMap"), None)


def _problem(node: Node, situation: Situation) -> str | None:
    if node.price_reference is None:
        return "its nodes have no row in the price book (annotation sandtable.dev/price)"
    try:
        price = situation.price_book.by_reference(node.price_reference)
    except UnpricedError as error:
        return str(error)
    if price.for_purchase(node.purchase) is None:
        return f"{price.reference} has no price for {node.purchase}"
    if node.gpu_model and price.gpu_model and not _same(node.gpu_model, price.gpu_model):
        return f"its nodes say {node.gpu_model}, but {price.reference} is priced as {price.gpu_model}"
    return _other_size(node, price)


def _other_size(node: Node, price: Price) -> str | None:
    """How the nodes differ from the row's machine, as far as the row says; nodes may reserve CPU and memory for themselves."""
    if node.capacity is None:
        return None
    says_gpus = price.gpu_model is not None or price.vcpus is not None  # the row of a laptop gives no size
    sizes = (
        ("GPUs", node.capacity.gpu, float(price.gpus) if says_gpus else None),
        ("CPU", node.capacity.cpu, price.vcpus),
        ("GiB of memory", node.capacity.memory_gib, price.memory_gib),
    )
    differences = [
        f"{have:g} {unit} instead of {row:g}"
        for unit, have, row in sizes
        if row is not None and (have > row or (unit == "GPUs" and have != row))
    ]
    return f"its nodes say {', '.join(differences)}, which is what {price.reference} has" if differences else None


def _same(one: str, other: str) -> bool:
    """Compare the words of two models: the driver writes ``NVIDIA-H100-80GB-HBM3`` or ``NVIDIA-L4``, a price list ``H100`` or ``L4``."""
    words, others = ({word for word in text.upper().replace("_", "-").split("-") if word != "NVIDIA"} for text in (one, other))
    return words <= others or others <= words


def _node(**fields: Any) -> Manifest:
    """A machine like ``aws/us-east-1/g6.xlarge``: one L4, 4 CPU, 16 GiB."""
    return node("gpu-0", **{"pool": "gpu", "instance_type": "g6.xlarge", "gpus": 1, "gpu_model": "NVIDIA-L4", "cpu": 4, **fields})


GPU_MODELS_ARE_PRICED: Final = StackRule(
    id="gpu-models-are-priced",
    title="Every GPU pool has a price, for its own machine",
    reason="GPUs are nearly the whole bill: one pool without a price, or with another machine's, makes every comparison wrong.",
    fix="Correct `instance_type`, `region`, `gpu`, `vcpu_per_node` or `memory_gib_per_node` of the pool, or add the row to your own price "
    "book.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("a pool that the book knows", (_node(),)),
        StackExample("nodes that keep a part of their machine for themselves", (_node(cpu=3, memory="14Gi"),)),
    ),
    failing=(
        StackExample("no such row", (_node(instance_type="g6.xxlarge"),)),
        StackExample("another GPU's row", (_node(gpu_model="H100"),)),
        StackExample("more GPUs than the machine has", (_node(gpus=8),)),
        StackExample("more CPU and memory than the machine has", (_node(cpu=48, memory="192Gi"),)),
        StackExample("a pool that starts empty, without a row", (pool_object(_node(instance_type="g6.xxlarge")),)),
    ),
)
