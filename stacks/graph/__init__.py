"""What a stack is, whatever it was read from: its resources, the nodes they offer, the pods they ask for.

``graph.py`` is the normal form, ``sources/`` reads it from a program, a plan, a state, a live cluster or manifests, ``labels.py`` names
what carries meaning for the twin and the policies, ``capacity.py`` and ``demand.py`` read nodes and pods off it.
"""

from stacks.graph.graph import POD_TEMPLATES, SECRET, UNKNOWN, Graph, Resource, compare, normalise_inputs

__all__ = ["POD_TEMPLATES", "SECRET", "UNKNOWN", "Graph", "Resource", "compare", "normalise_inputs"]
