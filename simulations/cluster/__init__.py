"""The cluster as the twin sees it: which pods of a graph fit on which nodes."""

from simulations.cluster.placement import Placement, Ranked, best_nodes, place, ranking

__all__ = ["Placement", "Ranked", "best_nodes", "place", "ranking"]
