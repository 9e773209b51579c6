"""The doctor's table: every tool, where it came from, and the command that provides each missing one."""

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


#: The columns on the right, shown if the screen is wide enough; ``--json`` has all of them, and full checksums.
_BESIDES: Final = ("for", "licence", "sha256")
_DIGITS: Final = 12


def show_tools(document: Tools, console: Console) -> None:
    """Print the table, then each problem with its fix, then a summary sentence."""
    tools = document.tools
    tables = (_table(tools, _BESIDES[:count]) for count in range(len(_BESIDES), -1, -1))
    console.print(next((table for table in tables if _fits(table, console)), _table(tools, ())))
    for tool in tools:
        if tool.problem:
            console.print()
            wanted = "" if tool.found else f"; wanted {tool.wanted}"
            console.print(Text.assemble((tool.name, "bold"), f": {tool.problem}{wanted}"))
            if tool.fix:
                console.print(Text.assemble(("  fix: ", "quiet"), tool.fix), soft_wrap=True)
    console.print()
    console.print(_summary(tools))


def _table(tools: Sequence[Tool], besides: Sequence[str]) -> Table:
    table = grid("L", "L", "L", "L", *("L" for _ in besides))
    table.add_row(*(Text(words, "quiet") for words in ("", "tool", "version", "from", *besides)))
    for tool in tools:
        needed = ", ".join(tool.needed_for) or "optional"
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
    # Measure without the console's width, since no table would be wider than that.
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
        return Text(f"All required tools are in order; optional and missing: {', '.join(wished)}.", "good")
    return Text(f"All {len(tools)} tools are in order.", "good")
