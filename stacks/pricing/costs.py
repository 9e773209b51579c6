"""The monthly cost of a graph's nodes, at list prices.

Rule 1: three kinds of zero are kept apart. A pool priced at 0 is listed with 0; nodes without a price are ``unpriced`` and make the total a
lower bound; what costs money but is not computed here is ``not_modelled`` and must not be read as free.
Rule 2: a month has 730 hours (the convention of cloud price lists and of infracost).
Rule 3: low and high are at the bounds of the pools (all at their minimum, all at their maximum); the total is for the declared nodes. A
pool that starts empty is listed with 0 nodes and counts in high.
Rule 4: idle is capacity that is paid for but not requested by any pod (OpenCost specification 0.1): a node's price is split among CPU,
memory and GPUs in proportion to OpenCost's default rates.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from stacks.graph.capacity import Amounts, Node, nodes
from stacks.graph.capacity import pools as pools_of
from stacks.graph.demand import workloads
from stacks.pricing.prices import UnpricedError
from stacks.pricing.volumes import claimed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from stacks.graph import Graph
    from stacks.pricing.prices import Price, PriceBook

HOURS_PER_MONTH: Final = 730

#: How two of the lines on what is not in the total begin; `sandtable cost` prices both beside it.
STORAGE: Final = "storage"
TRAFFIC: Final = "network traffic between zones and out of the cloud"

#: OpenCost's default rates in USD per hour (specification 0.1); only their ratios are used.
_RATES: Final = Amounts(cpu=0.031611, memory_gib=0.004237, gpu=0.95)


@dataclass(frozen=True, slots=True)
class PoolCost:
    """The nodes of one pool with one price. ``usd_per_hour`` is for one node; ``paid_share`` is the share of the time that is paid for."""

    name: str
    nodes: int
    min_nodes: int
    max_nodes: int
    purchase: str
    instance_type: str
    region: str
    price: Price | None
    paid_share: float = 1.0

    @property
    def usd_per_hour(self) -> float | None:
        """List price of one node, None if there is none."""
        return self.price.for_purchase(self.purchase) if self.price else None

    @property
    def monthly_usd(self) -> float | None:
        """The pool's price for a month, None if it has no price."""
        return self.monthly_for(self.nodes)

    def monthly_for(self, count: int) -> float | None:
        """Return the price of ``count`` nodes for a month."""
        hourly = self.usd_per_hour
        return None if hourly is None else hourly * count * self.paid_share * HOURS_PER_MONTH


@dataclass(frozen=True)
class Cost:
    """The cost of a graph. Amounts in USD; ``idle_share`` is the share of ``monthly_usd`` that no pod requests, None if unknown."""

    pools: tuple[PoolCost, ...]
    unpriced: tuple[str, ...]
    not_modelled: tuple[str, ...]
    budget_usd: float | None
    idle_share: float | None
    assumptions: tuple[str, ...] = field(default=())

    @property
    def monthly_usd(self) -> float:
        """Cost of the declared nodes for a month, 730 hours."""
        return sum(pool.monthly_usd or 0.0 for pool in self.pools)

    @property
    def hourly_usd(self) -> float:
        """Cost of the declared nodes for an hour."""
        return self.monthly_usd / HOURS_PER_MONTH

    @property
    def low_usd(self) -> float:
        """Cost of a month with every pool at its minimum size."""
        return sum(pool.monthly_for(pool.min_nodes) or 0.0 for pool in self.pools)

    @property
    def high_usd(self) -> float:
        """Cost of a month with every pool at its maximum size."""
        return sum(pool.monthly_for(pool.max_nodes) or 0.0 for pool in self.pools)

    @property
    def headline(self) -> str:
        """``$12,345 a month``, ``at least $12,345 a month``, or that nothing is priced."""
        if not self.pools:
            return "not priced"
        return f"{'at least ' if self.unpriced else ''}${self.monthly_usd:,.0f} a month"

    def age_warnings(self, today: date) -> tuple[str, ...]:
        """Return warnings about prices that may be out of date on ``today``, one line each."""
        warnings = (pool.price.age_warning(today) for pool in self.pools if pool.price and pool.usd_per_hour)
        return tuple(sorted({warning for warning in warnings if warning}))


def monthly_cost(graph: Graph, book: PriceBook, *, budget_usd: float | None = None, paid_share: Mapping[str, float] | None = None) -> Cost:
    """Price the nodes of ``graph``.

    Args:
        graph: any graph; without Node objects nothing is priced, and the result says so.
        book: where prices are looked up.
        budget_usd: the environment's monthly budget, passed through to reports and policies.
        paid_share: by pool name, the share of the time in which its spot nodes exist and are paid for; default 1.

    Raises:
        ConfigurationError: a node or a pod carries an invalid quantity.
    """
    graph = graph.known
    found = nodes(graph)
    empty = [pool for pool in pools_of(graph) if pool.pool not in {node.pool for node in found}]
    groups: dict[tuple[str, str, str, str], list[Node]] = defaultdict(list)
    for node in (*found, *empty):
        groups[node.pool, node.purchase, node.region, node.price_reference or ""].append(node)
    pools: list[PoolCost] = []
    unpriced: list[str] = []
    pool_of: dict[str, PoolCost] = {}
    in_pool = Counter(node.pool for node in found)
    priced: Counter[str] = Counter()
    for _, members in sorted(groups.items()):
        first = members[0]
        count = 0 if first in empty else len(members)
        paid = (paid_share or {}).get(first.pool, 1.0) if first.purchase == "spot" else 1.0
        bounds = _bounds(first, priced[first.pool], count, in_pool[first.pool])
        priced[first.pool] += count
        pool, problem = _price_pool(first, count, bounds, book, paid)
        pools.append(pool)
        unpriced += [problem] if problem else []
        pool_of |= {node.name: pool for node in members}
    if not pools:
        unpriced.append("the graph has no Node objects, so nothing is priced; a stack's own graph, or the cluster's nodes, would have them")
    return Cost(
        pools=tuple(pools),
        unpriced=tuple(unpriced),
        not_modelled=tuple(_not_modelled(graph)),
        budget_usd=budget_usd,
        idle_share=_idle_share(graph, found, pool_of),
        assumptions=tuple(_assumptions(pools)),
    )


def _bounds(first: Node, before: int, count: int, total: int) -> tuple[int, int]:
    """Least and most nodes of a part of a pool: ``count`` of ``total`` nodes, with ``before`` in the parts before it.

    A pool is bought in parts where some nodes are spot. Its bounds are those of the whole, so each part has its share of them.
    """
    least = total if first.pool_min is None else first.pool_min
    most = total if first.pool_max is None else max(first.pool_max, total)
    if count == total:
        return least, most

    def share(bound: int) -> int:
        return round(bound * (before + count) / total) - round(bound * before / total)

    return share(least), share(most)


def _price_pool(first: Node, count: int, bounds: tuple[int, int], book: PriceBook, paid_share: float) -> tuple[PoolCost, str | None]:
    """The cost of ``count`` nodes like ``first``, and why they have no price; without nodes no price is missing."""
    price, problem = None, None
    if first.price_reference is None:
        problem = "its nodes have no row in the price book"
    else:
        try:
            price = book.by_reference(first.price_reference)
        except UnpricedError as error:
            problem = str(error)
    if price is not None and price.for_purchase(first.purchase) is None:
        problem = f"{price.reference} has no {'spot' if first.purchase == 'spot' else 'on-demand'} price in the {book.name} price book"
    pool = PoolCost(
        name=first.pool,
        nodes=count,
        min_nodes=bounds[0],
        max_nodes=bounds[1],
        purchase=first.purchase,
        instance_type=first.instance_type or (price.instance_type if price else ""),
        region=first.region,
        price=price,
        paid_share=paid_share,
    )
    return pool, f"pool {first.pool}, {count} node{'s' if count != 1 else ''}: {problem}" if problem and count else None


def _not_modelled(graph: Graph) -> list[str]:
    """Items in the graph that cost money but are not in the total."""
    claims, gib = claimed(graph)
    balancers = sum(1 for r in graph.objects("Service") if r.spec.get("type") == "LoadBalancer")
    return [
        *([f"{STORAGE}: {claims} volume claims of {gib:,.0f} GiB in all"] if claims else []),
        *([f"{balancers} load balancers"] if balancers else []),
        TRAFFIC,
        "the managed control plane, support plans and taxes",
    ]


def _assumptions(pools: Iterable[PoolCost]) -> list[str]:
    pools = list(pools)
    if not pools:
        return []
    lines = [f"{HOURS_PER_MONTH} hours a month, list prices, the nodes as declared"]
    if reserved := sorted({p.name for p in pools if p.purchase == "reserved"}):
        lines.append(f"reserved priced as on-demand (no reserved price in the book): {', '.join(reserved)}")
    if spot := sorted({p.name for p in pools if p.purchase == "spot"}):
        lines.append(f"spot priced at one zone's price on one day; work lost to interruptions is not priced: {', '.join(spot)}")
    lines += sorted({f"suspect price {p.price.reference}: {p.price.suspect}" for p in pools if p.price and p.price.suspect})
    return lines


def _idle_share(graph: Graph, found: tuple[Node, ...], pool_of: Mapping[str, PoolCost]) -> float | None:
    """One minus the requested share of the price; a workload is assumed to spread evenly over the nodes that admit it."""
    capacity: dict[str, Amounts] = {}
    hourly: dict[str, float] = {}
    for node in found:
        pool = pool_of[node.name]
        if node.capacity is not None and (usd := pool.usd_per_hour) is not None:
            capacity[node.name], hourly[node.name] = node.capacity, usd * pool.paid_share
    total = sum(hourly.values())
    if total == 0:
        return None
    requested: dict[str, Amounts] = defaultdict(Amounts)
    for workload in workloads(graph):
        hosts = [node.name for node in found if node.name in capacity and workload.admitted_by(node)]
        if workload.requests.gpu:
            hosts = [name for name in hosts if capacity[name].gpu]
        for name in hosts if not workload.scheduled else ():
            requested[name] += workload.requests * (1.0 if workload.per_node else workload.replicas / len(hosts))
    used = sum(usd * _requested_share(requested[name], capacity[name]) for name, usd in hourly.items())
    return max(0.0, 1 - used / total)


def _requested_share(requested: Amounts, capacity: Amounts) -> float:
    parts = [
        (capacity.cpu * _RATES.cpu, requested.cpu, capacity.cpu),
        (capacity.memory_gib * _RATES.memory_gib, requested.memory_gib, capacity.memory_gib),
        (capacity.gpu * _RATES.gpu, requested.gpu, capacity.gpu),
    ]
    weight = sum(part[0] for part in parts)
    return sum(worth * min(1.0, asked / room) for worth, asked, room in parts if room) / weight if weight else 0.0
