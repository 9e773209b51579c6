"""Queues: the station that the closed forms of queueing theory are about, and these forms."""

from simulations.queueing.station import Station

__all__ = ["Station"]
