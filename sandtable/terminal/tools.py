"""The doctor's table: every tool, where it came from, and the one command that mends each hole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.measure import Measurement
from rich.text import Text

from sandtable.report.words.quantities import count
from sandtable.terminal.parts import grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from sandtable.document.answers.machine import Tool, Tools


#: What stands at the right of the table where the screen is wide enough; ``--json`` has all of it, and checksums in full.
_BESIDES: Final = ("for", "licence", "sha256")
_DIGITS: Final = 12


def show_tools(document: Tools, console: Console) -> None:
    """Print the table, then for each problem what it is and what mends it, then a sentence."""
    tools = document.tools
    tables = (_table(tools, _BESIDES[:count]) for count in range(len(_BESIDES), -1, -1))
    console.print(next((table for table in tables if _fits(table, console)), _table(tools, ())))
    for tool in tools:
        if tool.problem:
            console.print()
            wanted = "" if tool.found else f"; wanted {tool.wanted}"
            console.print(Text.assemble((tool.name, "bold"), f": {tool.problem}{wanted}"))
            if tool.mend:
                console.print(Text.assemble(("  mend: ", "quiet"), tool.mend), soft_wrap=True)
    console.print()
    console.print(_summary(tools))


def _table(tools: Sequence[Tool], besides: Sequence[str]) -> Table:
    table = grid("L", "L", "L", "L", *("L" for _ in besides))
    table.add_row(*(Text(words, "quiet") for words in ("", "tool", "version", "from", *besides)))
    for tool in tools:
        needed = ", ".join(tool.needed_for) or "if you wish"
        further = {"for": needed, "licence": tool.licence, "sha256": (tool.sha256 or "")[:_DIGITS]}
        table.add_row(
            _mark(tool),
            Text(tool.name, "bold"),
            Text(tool.found or "missing", "bad" if tool.problem and tool.needed_for else ""),
            Text(tool.origin or "", "quiet"),
            *(Text(further[name], "quiet") for name in besides),
        )
    return table


def _fits(table: Table, console: Console) -> bool:
    # Without the width that the console has: measured within it, no table is wider.
    return Measurement.get(console, console.options.update(width=10_000), table).maximum <= console.width


def _mark(tool: Tool) -> Text:
    if not tool.problem:
        return Text("✓", "good")
    return Text("✗", "bad") if tool.needed_for else Text("-", "unsure")


def _summary(tools: Sequence[Tool]) -> Text:
    missing = [tool.name for tool in tools if tool.problem and tool.needed_for]
    wished = [tool.name for tool in tools if tool.problem and not tool.needed_for]
    if missing:
        return Text(f"{count(len(missing), 'tool')} of {len(tools)} not in order: {', '.join(missing)}.", "bad")
    if wished:
        return Text(f"All that any command needs is in order; only at your wish: {', '.join(wished)}.", "good")
    return Text(f"All {len(tools)} tools are in order.", "good")
