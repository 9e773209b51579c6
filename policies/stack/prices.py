"""``gpu-models-are-priced``: every GPU pool has a row of the price book, and the row is for that GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.stack.examples import node
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from stacks.capacity import Node
from stacks.prices import UnpricedError


def _judge(situation: Situation) -> Iterator[Breach]:
    pools = {n.pool: n for n in reversed(situation.nodes) if n.gpu_model or (n.capacity and n.capacity.gpu)}
    for _, first in sorted(pools.items()):
        if problem := _problem(first, situation):
            yield Breach(f"pool {first.pool}: {problem}", situation.graph.find("Node", first.name))


def _problem(node: Node, situation: Situation) -> str | None:
    if node.price_reference is None:
        return "its nodes name no row of the price book (annotation sandtable.dev/price)"
    try:
        price = situation.price_book.by_reference(node.price_reference)
    except UnpricedError as error:
        return str(error)
    if price.for_purchase(node.purchase) is None:
        return f"{price.reference} has no price for {node.purchase}"
    if node.gpu_model and price.gpu_model and not _same(node.gpu_model, price.gpu_model):
        return f"its nodes say {node.gpu_model}, but {price.reference} is priced as {price.gpu_model}"
    return None


def _same(one: str, other: str) -> bool:
    """The driver writes ``NVIDIA-H100-80GB-HBM3`` or ``NVIDIA-L4``, a price list ``H100`` or ``L4``: compare the models' words."""
    words, others = ({word for word in text.upper().replace("_", "-").split("-") if word != "NVIDIA"} for text in (one, other))
    return words <= others or others <= words


GPU_MODELS_ARE_PRICED: Final = StackRule(
    id="gpu-models-are-priced",
    title="Every GPU pool has a price, for its own GPU model",
    reason="GPUs are nearly the whole bill: one pool without a price, or with another GPU's, makes every cost and every comparison wrong.",
    fix="Correct `instance_type`, `region` or `gpu.model` of the pool, or add the row to a price book of your own.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("a pool that the book knows", (node("gpu-0", pool="gpu", instance_type="g6.xlarge", gpus=1, gpu_model="NVIDIA-L4"),)),
    ),
    failing=(
        StackExample("no such row", (node("gpu-0", pool="gpu", instance_type="g6.xxlarge", gpus=1, gpu_model="L4"),)),
        StackExample("another GPU's row", (node("gpu-0", pool="gpu", instance_type="g6.xlarge", gpus=1, gpu_model="H100"),)),
    ),
)
