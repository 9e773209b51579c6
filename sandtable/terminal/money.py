"""What an environment costs by component and by token, and what would cost less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sandtable.report.words.quantities import figure, percent, unit_price, usd
from sandtable.terminal.costs import show_cost
from sandtable.terminal.parts import bullet, grid, heading

if TYPE_CHECKING:
    from rich.console import Console

    from sandtable.document.answers.cost import EnvironmentCost


def show_money(answer: EnvironmentCost, console: Console) -> None:
    """Print the document of ``sandtable cost``."""
    show_cost(answer.cost, console)
    heading(console, "by component", "OpenCost's split of each node's price; USD a month")
    table = grid("L", "R", "R", "R", "R")
    table.add_row(*(Text(words, "quiet") for words in ("", "CPU", "memory", "GPU", "total")))
    for one in answer.components:
        style = "quiet" if one.name == "__idle__" else ""
        amounts = (one.cpu_usd, one.ram_usd, one.gpu_usd, one.total_usd)
        table.add_row(Text(one.name, style), *(Text(usd(amount), style) for amount in amounts))
    console.print(table)
    if answer.providers:
        heading(console, "providers", "billed beside the nodes, at today's prices and the traffic of the environment")
        for bill in answer.providers:
            bullet(console, f"{bill.provider}: {usd(bill.monthly_usd)} a month for {percent(bill.request_share)} of the requests")
    if answer.charges:
        heading(console, "by use", "storage and traffic, beside the nodes; OpenCost's default prices")
        for charge in answer.charges:
            rate = f"{figure(charge.quantity)} {charge.unit} at {unit_price(charge.usd_per_unit)}"
            bullet(console, f"{charge.name}: {usd(charge.monthly_usd)} a month, {rate} ({charge.basis})")
    if answer.charges or answer.providers:
        console.print(Text(f"In all {'at least ' if answer.cost.unpriced else ''}{usd(answer.total_usd)} a month.", "bold"))
    if answer.per_mtok:
        heading(console, "by token", "USD per million output tokens, if the stack holds the load")
    for price in answer.per_mtok:
        least = "at least " if answer.cost.unpriced else ""
        bullet(console, f"{figure(price.traffic_factor)} times the traffic: {least}{usd(price.usd_per_million_output_tokens)}")
    if answer.options:
        heading(console, "what would cost less", "each on its own, against the stack as declared")
        for option in answer.options:
            bullet(console, f"{option.name}: {usd(option.saving_usd)} a month less, {percent(option.share)}. Risk: {option.risk}")
