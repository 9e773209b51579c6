"""A resource graph in Graphviz DOT: clusters are components, nodes are resources, edges are dependencies between components."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sandtable.report.charts.graph import caption
from sandtable.report.words.components import RUNNING, components

if TYPE_CHECKING:
    from stacks.graph import Graph


def to_dot(graph: Graph) -> str:
    """Return the document; names are quoted, so that any of them is safe. Its label says what is not drawn."""
    parts = components(graph)
    lines = ["digraph stack {", "  compound=true; rankdir=TB; node [shape=box, style=rounded, fontsize=10];"]
    lines += ["  labelloc=b; labeljust=l;", f"  label={_quoted(' '.join(caption(graph)))};"]
    anchors = {}
    filled = ', style="rounded,filled"'
    for number, part in enumerate(parts):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f"    label={_quoted(part.name)};")
        anchors[part.name] = (f"{part.name}/", number)
        lines.append(f"    {_quoted(anchors[part.name][0])} [shape=point, style=invis];")
        objects = [(kind, name) for kind, names in part.kinds for name in names]
        lines += [
            # By number: two objects may have one kind and name, in two API groups.
            f"    {_quoted(f'{part.name}/{index}')} [label={_quoted(name)}{filled if kind in RUNNING else ''}];"
            for index, (kind, name) in enumerate(objects)
        ]
        lines.append("  }")
    for part in parts:
        for needed in part.needs:
            (tail, a), (head, b) = anchors[part.name], anchors[needed]
            lines.append(f"  {_quoted(tail)} -> {_quoted(head)} [ltail=cluster_{a}, lhead=cluster_{b}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    """Return a DOT string; JSON's escapes are a subset of DOT's, except for line ends and control characters, which become spaces."""
    return json.dumps("".join(char if char.isprintable() else " " for char in text), ensure_ascii=False)
