"""What would cost less, how much less, and what it risks.

Each option is priced on its own against the stack as declared; two of them together save less than the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.cluster.consolidation import needed_nodes
from simulations.whatif.changes import with_nodes
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.pricing.costs import HOURS_PER_MONTH, monthly_cost

if TYPE_CHECKING:
    from stacks.graph import Graph
    from stacks.pricing.prices import PriceBook

#: Assumed: discount of a one-year commitment. Contracts differ, and the price book has none.
COMMITMENT: Final = 0.30


@dataclass(frozen=True, slots=True)
class Option:
    """One way to spend less. ``share`` is the saving as a share of the present cost."""

    name: str
    saving_usd: float
    share: float
    risk: str


def options(graph: Graph, book: PriceBook) -> tuple[Option, ...]:
    """Return the options that save something, the largest saving first."""
    cost = monthly_cost(graph, book)
    now = cost.monthly_usd
    kept = needed_nodes(workloads(graph), nodes(graph), keep_minimum=False)
    fewer = now - monthly_cost(with_nodes(graph, kept), book).monthly_usd
    gone = len(nodes(graph)) - len(kept)
    found = [
        (
            f"rightsize: {gone} of {len(nodes(graph))} nodes that no pod needs",
            fewer,
            "pools go below the minimum that you set: a lost node or zone leaves no room until another one starts",
        )
    ]
    for pool in cost.pools:
        spot = pool.price.spot_usd_per_hour if pool.price else None
        if pool.purchase != "spot" and spot is not None and pool.usd_per_hour:
            saving = (pool.usd_per_hour - spot) * pool.nodes * HOURS_PER_MONTH
            risk = "its nodes come and go; ask `whatif` with spot=0.7, after buying the pool as spot"
            found.append((f"spot: pool {pool.name}", saving, risk))
    committed = COMMITMENT * sum(pool.monthly_for(pool.min_nodes) or 0.0 for pool in cost.pools if pool.purchase == "on-demand")
    found.append(
        (
            f"commit: one year for the minimum of every on-demand pool, {COMMITMENT:.0%} assumed".replace("%", " %"),
            committed,
            f"paid whether used or not: it loses if less than {1 - COMMITMENT:.0%} of it is used".replace("%", " %"),
        )
    )
    made = [Option(name, saving, saving / now, risk) for name, saving, risk in found if now and saving > 0.005]
    return tuple(sorted(made, key=lambda option: (-option.saving_usd, option.name)))
