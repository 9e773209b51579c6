"""Reads a graph: from the program itself, a preview, an exported state, a live cluster, or plain manifests.

Each source is one file and ends in :meth:`stacks.graph.Graph.of`, which brings it into normal form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacks.graph.sources.documents import from_preview, from_state
from stacks.graph.sources.manifests import from_manifests

if TYPE_CHECKING:
    from stacks.environment import Environment
    from stacks.graph import Graph

__all__ = ["from_manifests", "from_preview", "from_program", "from_state"]


def from_program(environment: Environment) -> Graph:
    """Run the stack's program without any engine and return what it declares (see ``sources/program.py``)."""
    from stacks.graph.sources.program import from_program as run  # imports Pulumi, which the other sources do not need

    return run(environment)
