"""Cost as a tree: regions, their pools, the sum, and the three kinds of zero."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from sandtable.report.words.facts import Item
from sandtable.report.words.quantities import figure, percent, unit_price, usd
from sandtable.report.words.sentences import budget, monthly
from sandtable.terminal.parts import bullet, grid, heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sandtable.document.parts.cost import Cost, PoolCost


def show_cost(cost: Cost, console: Console, *, buys: Sequence[Item] = ()) -> None:
    """Print the tree; ``buys`` says what the money buys."""
    heading(console, "cost", "730 hours a month; list prices")
    table = grid("l", "R", "L", "R", "R")
    table.add_row(*(Text(words, "quiet") for words in ("pool", "nodes", "bought", "a node-hour", "a month")))
    doubts: list[str] = []
    for region, members in groupby(sorted(cost.pools, key=lambda pool: (pool.region, pool.name)), key=lambda pool: pool.region):
        pools = list(members)
        table.add_row(Text(region or "no region", "bold"))
        for pool in pools:
            branch = "└─" if pool is pools[-1] else "├─"
            table.add_row(*_pool(pool, branch))
            if pool.suspect:
                doubts.append(f"{pool.name}: {pool.suspect}")
    table.add_row(Text("sum", "bold"), *[Text("")] * 3, Text(monthly(cost), "bold"))
    console.print(table)
    _notes(cost, doubts, console)
    if buys:
        bullet(console, "it buys " + ", ".join(f"{item.value} {item.label}" for item in buys))


def _pool(pool: PoolCost, branch: str) -> list[Text]:
    star = " *" if pool.suspect else ""
    return [
        Text.assemble((f"{branch} ", "quiet"), pool.name, (f"  {pool.instance_type}", "quiet")),
        Text(figure(pool.nodes, "count")),
        Text(pool.purchase),
        Text("no price" if pool.usd_per_hour is None else unit_price(pool.usd_per_hour) + star),
        Text(usd(pool.monthly_usd)),
    ]


def _notes(cost: Cost, doubts: list[str], console: Console) -> None:
    if cost.low_usd is not None and cost.high_usd is not None and cost.low_usd != cost.high_usd:
        bullet(console, f"between {usd(cost.low_usd)} (all pools at minimum size) and {usd(cost.high_usd)} (at maximum size)")
    if words := budget(cost):
        bullet(console, words)
    if cost.idle_share is not None:
        bullet(console, f"{percent(cost.idle_share)} pays for capacity that no pod requests")
    for text in doubts:
        bullet(console, text, "*", "unsure")
    if cost.unpriced:
        bullet(console, f"no known price, not in the sum: {', '.join(cost.unpriced)}", "!", "unsure")
    if cost.not_modelled:
        bullet(console, f"not modelled, do not read as free: {', '.join(cost.not_modelled)}", "!", "unsure")
