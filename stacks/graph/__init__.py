"""What a stack is, whatever it was read from: its resources, the nodes they offer, the pods they ask for.

``graph.py`` is the normal form, ``sources/`` reads it from a program, a plan, a state, a live cluster or manifests, ``labels.py`` names
what carries meaning for the twin and the policies. ``kinds.py`` tells kinds apart, ``selectors.py`` and ``quantities.py`` read selectors
and quantities. ``capacity.py`` and ``demand.py`` read nodes and pods off the graph, ``scheduling.py`` says which node takes which pod.
"""

from stacks.graph.graph import Graph, Resource, compare, normalise_inputs
from stacks.graph.kinds import POD_TEMPLATES
from stacks.graph.marks import SECRET, UNKNOWN

__all__ = ["POD_TEMPLATES", "SECRET", "UNKNOWN", "Graph", "Resource", "compare", "normalise_inputs"]
