"""What would cost less, how much less, and what it risks.

Each option is priced on its own against the stack as declared, except the last, which puts together those that exclude nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.cluster.consolidation import needed_nodes
from simulations.spot.availability import AVAILABLE, there
from simulations.whatif.changes.fleet import with_nodes
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.pricing.costs import HOURS_PER_MONTH, monthly_cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stacks.graph import Graph
    from stacks.graph.capacity import Node
    from stacks.pricing.costs import PoolCost
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
    rightsized = monthly_cost(with_nodes(graph, kept), book)
    gone = len(nodes(graph)) - len(kept)
    found = [
        (
            f"rightsize: {gone} of {len(nodes(graph))} nodes that no pod needs",
            now - rightsized.monthly_usd,
            "pools go below the minimum that you set: a lost node or zone leaves no room until another one starts",
        )
    ]
    members = nodes(graph)
    for pool in cost.pools:
        found += _spot(pool, [node.zone for node in members if _is_in(node, pool)])
    committed = COMMITMENT * sum(pool.monthly_for(pool.min_nodes) or 0.0 for pool in cost.pools if pool.purchase == "on-demand")
    loses = f"paid whether used or not: it loses if less than {_percent(1 - COMMITMENT)} of it is used"
    found.append((f"commit: one year for the minimum of every on-demand pool, {_percent(COMMITMENT)} assumed", committed, loses))
    if gone:
        rest = COMMITMENT * sum(pool.monthly_usd or 0.0 for pool in rightsized.pools if pool.purchase == "on-demand")
        both = now - rightsized.monthly_usd + rest
        found.append(("together: rightsize, then commit to the on-demand nodes that are left", both, f"that of both; {loses}"))
    made = [Option(name, saving, saving / now, risk) for name, saving, risk in found if now and saving > 0.005]
    return tuple(sorted(made, key=lambda option: (-option.saving_usd, option.name)))


def _spot(pool: PoolCost, zones: list[str]) -> Iterator[tuple[str, float, str]]:
    """Yield a pool's nodes as spot: all of them, and every second one."""
    spot = pool.price.spot_usd_per_hour if pool.price else None
    if pool.purchase == "spot" or spot is None or not pool.usd_per_hour:
        return
    for name, bought in ((f"spot: pool {pool.name}", zones), (f"spot for half: pool {pool.name}", zones[::2] if len(zones) > 1 else [])):
        if len(bought) == pool.nodes and name.startswith("spot for half"):
            continue
        shares = there(Counter(bought), pool.nodes - len(bought))
        half = sum(share for count, share in shares.items() if 2 * count >= pool.nodes)
        everything, nothing = _percent(shares.get(pool.nodes, 0.0)), _percent(shares.get(0, 0.0))
        risk = (
            f"its nodes come and go with their zones, each there {_percent(AVAILABLE)} of the time (derived from recorded ones): "
            f"all {pool.nodes} are there {everything} of the time, half or more {_percent(half)}, none {nothing}; "
            f"ask `whatif` with spot={AVAILABLE:g}, after buying it so"
        )
        yield name, (pool.usd_per_hour - spot) * len(bought) * HOURS_PER_MONTH, risk


def _is_in(node: Node, pool: PoolCost) -> bool:
    """Whether ``node`` is one of those of ``pool``: a pool of a cloud may have nodes of several kinds, which have prices of their own."""
    same_price = pool.price is not None and node.price_reference == pool.price.reference
    return same_price and (node.pool, node.purchase, node.region) == (pool.name, pool.purchase, pool.region)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")
