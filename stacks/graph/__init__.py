"""The graph of a stack, independent of its source: its resources, the capacity of its nodes, the requests of its pods.

``graph.py`` defines the normal form, ``sources/`` reads it from a program, a plan, a state, a live cluster or manifests, ``labels.py``
names the labels that the twin and the policies read. ``kinds.py`` identifies kinds, ``quantities.py`` reads quantities, ``relations/``
says how objects refer to each other, ``recognition/`` reads what other projects write in their own ways. ``capacity.py`` and
``demand.py`` derive nodes and pods from the graph, ``scheduling.py`` decides which node admits which pod.
"""

from stacks.graph.graph import Graph, Resource, compare, normalise_inputs, same_image
from stacks.graph.kinds import POD_TEMPLATES
from stacks.graph.marks import SECRET, UNKNOWN

__all__ = ["POD_TEMPLATES", "SECRET", "UNKNOWN", "Graph", "Resource", "compare", "normalise_inputs", "same_image"]
