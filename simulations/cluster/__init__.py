"""The cluster as the twin sees it: which pods of a graph fit on which nodes."""

from simulations.cluster.placement import Placement, place

__all__ = ["Placement", "place"]
