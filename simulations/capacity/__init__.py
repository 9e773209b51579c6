"""Capacity: the largest rate that a stack holds, and the cheapest stack that holds a rate."""

from simulations.capacity.cheapest import Configuration, Search, cheapest
from simulations.capacity.largest_rate import LargestRate, largest_rate
from simulations.capacity.thresholds import Judged, judge

__all__ = ["Configuration", "Judged", "LargestRate", "Search", "cheapest", "judge", "largest_rate"]
