"""``sandtable cost``: the price of a token against the load, and the parts of the bill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.report.answers.page import Section, render
from sandtable.report.charts.curve import token_curve
from sandtable.report.words.quantities import figure, percent, unit_price, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandtable.document.answers.cost import EnvironmentCost


def cost_page(answer: EnvironmentCost) -> str:
    """Return the page of the document."""
    least = "at least " if answer.cost.unpriced else ""
    return render(f"Cost of {answer.environment}", f"{least}{usd(answer.total_usd)} a month".capitalize(), [*_sections(answer)])


def _sections(answer: EnvironmentCost) -> Iterator[Section]:
    pools = [
        (pool.name, figure(pool.nodes, "count"), pool.purchase, unit_price(pool.usd_per_hour), usd(pool.monthly_usd))
        for pool in answer.cost.pools
    ]
    beside = [(bill.provider, "", "provider", "", usd(bill.monthly_usd)) for bill in answer.providers]
    beside += [
        (one.name, f"{figure(one.quantity)} {one.unit}", "by use", unit_price(one.usd_per_unit), usd(one.monthly_usd))
        for one in answer.charges
    ]
    notes = [f"not modelled, do not read as free: {', '.join(answer.cost.not_modelled)}"] if answer.cost.not_modelled else []
    notes += [f"no known price: {name}" for name in answer.cost.unpriced]
    columns = ("", "amount", "bought", "USD each", "a month")
    yield Section("bill", "The bill", "730 hours a month, list prices.", (), columns, [*pools, *beside], notes=notes)
    if answer.per_mtok:
        lead = "The price of a million output tokens, if the stack holds the load. The nodes cost the same whether they are used or not."
        known = {one.traffic_factor or 0.0: one.usd_per_million_output_tokens or 0.0 for one in answer.per_mtok}
        picture = token_curve(known, "times the traffic of the environment")
        prices = [(f"{figure(one.traffic_factor)} times the traffic", usd(one.usd_per_million_output_tokens)) for one in answer.per_mtok]
        yield Section("load", "Cost against load", lead, (picture,), ("load", "USD per million tokens"), prices)
    parts = [(part.name, usd(part.cpu_usd), usd(part.ram_usd), usd(part.gpu_usd), usd(part.total_usd)) for part in answer.components]
    idle = f"{percent(answer.cost.idle_share)} pays for capacity that no pod requests." if answer.cost.idle_share is not None else ""
    yield Section(
        "parts", "By component", f"OpenCost's split of each node's price. {idle}", (), ("", "CPU", "memory", "GPU", "total"), parts
    )
    if answer.options:
        rows = [(one.name, usd(one.saving_usd), percent(one.share)) for one in answer.options]
        risks = [f"{one.name}. Risk: {one.risk}" for one in answer.options]
        lead = "Each on its own, against the stack as declared."
        yield Section("less", "What would cost less", lead, (), ("", "less a month", "share"), rows, notes=risks)
