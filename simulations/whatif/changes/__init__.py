"""Applies a scenario to a graph and returns a new graph, price book and load.

Rule 1: the original graph is not modified. Every change is visible in the new graph, so its cost, its placement and its twin are derived
like those of any other graph.
Rule 2: every assumption of a change is stated in a note.
"""

from simulations.whatif.changes.question import Question, apply

__all__ = ["Question", "apply"]
