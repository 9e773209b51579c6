"""The cluster as the twin sees it: which pods of a graph fit on which nodes."""

from simulations.cluster.placement import Placement, best_nodes, place

__all__ = ["Placement", "best_nodes", "place"]
