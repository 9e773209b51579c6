"""A resource graph as a tree: components with their dependencies, kinds and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from rich.tree import Tree

from sandtable.report.words.components import components, counted
from sandtable.terminal_escapes import seen

if TYPE_CHECKING:
    from rich.console import Console

    from stacks.graph import Graph

_MOST_NAMES: Final = 4


def show_graph(graph: Graph, console: Console) -> None:
    """Print the tree, the topmost components first; long lists of names are cut, with a count."""
    parts = components(graph)
    tree = Tree(Text(f"{counted(graph)}, from {graph.source or 'an unknown source'}", "bold"), guide_style="quiet")
    for part in parts:
        words = Text.assemble((part.name, "bold"), (f"  {part.size}", "quiet"))
        if part.needs:
            words.append(f"  needs {', '.join(part.needs)}", "quiet")
        branch = tree.add(words)
        for kind, names in part.kinds:
            short = [name.removeprefix(f"{kind} ") for name in names]
            more = f", and {len(short) - _MOST_NAMES} more" if len(short) > _MOST_NAMES else ""
            branch.add(Text.assemble(f"{kind} {len(short)}", (f"  {', '.join(short[:_MOST_NAMES])}{more}", "quiet")))
    console.print(tree)
    for sentence in graph.unseen:
        console.print(Text(f"! {seen(sentence)}", "unsure"))
    console.print(Text(graph.digest, "quiet"), soft_wrap=True)
