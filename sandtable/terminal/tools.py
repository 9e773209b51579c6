"""The doctor's table: every tool, where it came from, and the one command that mends each hole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sandtable.report.words.quantities import count
from sandtable.terminal.parts import grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from toolchain import ToolStatus


def show_tools(tools: Sequence[ToolStatus], console: Console) -> None:
    """Print the table, then for each problem what it is and what mends it, then a sentence."""
    table = grid("L", "L", "l", "l", "l")
    table.add_row(*(Text(words, "quiet") for words in ("", "tool", "version", "from", "for")))
    for tool in tools:
        table.add_row(
            _mark(tool),
            Text(tool.name, "bold"),
            Text(tool.found or f"missing, wanted {tool.wanted}", "bad" if tool.problem and tool.needed_for else ""),
            Text(tool.origin or "", "quiet"),
            Text(", ".join(tool.needed_for) or "if you wish", "quiet"),
        )
    console.print(table)
    for tool in tools:
        if tool.problem:
            console.print()
            console.print(Text.assemble((tool.name, "bold"), f": {tool.problem}"))
            if tool.mend:
                console.print(Text.assemble(("  mend: ", "quiet"), tool.mend), soft_wrap=True)
    console.print()
    console.print(_summary(tools))


def _mark(tool: ToolStatus) -> Text:
    if not tool.problem:
        return Text("✓", "good")
    return Text("✗", "bad") if tool.needed_for else Text("-", "unsure")


def _summary(tools: Sequence[ToolStatus]) -> Text:
    missing = [tool.name for tool in tools if tool.problem and tool.needed_for]
    wished = [tool.name for tool in tools if tool.problem and not tool.needed_for]
    if missing:
        return Text(f"{count(len(missing), 'tool')} of {len(tools)} not in order: {', '.join(missing)}.", "bad")
    if wished:
        return Text(f"All that any command needs is in order; only at your wish: {', '.join(wished)}.", "good")
    return Text(f"All {len(tools)} tools are in order.", "good")
