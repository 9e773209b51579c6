"""What is billed by use beside the nodes: the storage that pods claim, and the answers that leave the cloud.

Traffic between zones is not here: how much of it there is depends on which pods talk to each other, and the graph does not say how much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stacks.graph.capacity import nodes
from stacks.pricing.costs import HOURS_PER_MONTH
from stacks.pricing.rates import Rate, rate_of
from stacks.pricing.volumes import claimed

if TYPE_CHECKING:
    from stacks.graph import Graph

#: A token of a streamed answer on the wire. Assumed: a server-sent event of an OpenAI stream with names and times, 250 bytes.
BYTES_PER_TOKEN: Final = 250


@dataclass(frozen=True, slots=True)
class Charge:
    """``quantity`` units of something in a month, at ``rate``; ``basis`` says where the quantity is from."""

    name: str
    quantity: float
    rate: Rate
    basis: str

    @property
    def monthly_usd(self) -> float:
        """Its price for a month."""
        return self.quantity * self.rate.usd


def charges(graph: Graph, output_tokens_per_h: float) -> tuple[Charge, ...]:
    """Return what a month costs beside the nodes, the largest first; what is zero is left out."""
    found = (charge for charge in _all(graph, output_tokens_per_h) if charge.quantity)
    return tuple(sorted(found, key=lambda charge: -charge.monthly_usd))


def _all(graph: Graph, output_tokens_per_h: float) -> Iterator[Charge]:
    cloud = _cloud(graph)
    claims, gib = claimed(graph.known)
    yield Charge("storage", gib, rate_of("storage", cloud), f"{claims} volume claims")
    gb = output_tokens_per_h * HOURS_PER_MONTH * BYTES_PER_TOKEN / 1e9
    basis = f"{BYTES_PER_TOKEN} bytes a token, assumed; all leave the cloud"
    yield Charge("answers to the internet", gb, rate_of("egress-internet", cloud), basis)


def _cloud(graph: Graph) -> str:
    """Return the cloud of most nodes; empty if none names one."""
    clouds = Counter(node.price_reference.partition("/")[0] for node in nodes(graph) if node.price_reference)
    return min(clouds, key=lambda name: (-clouds[name], name), default="")
