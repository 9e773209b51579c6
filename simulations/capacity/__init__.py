"""Capacity: the largest rate that a stack holds, the cheapest stack that holds a rate, and what moves either most."""

from simulations.capacity.largest_rate import LargestRate, largest_rate
from simulations.capacity.risk import Risk, risk
from simulations.capacity.search import Configuration, Search, cheapest
from simulations.capacity.sensitivity import Change, Swing, sensitivity
from simulations.capacity.thresholds import Judged, judge

__all__ = [
    "Change",
    "Configuration",
    "Judged",
    "LargestRate",
    "Risk",
    "Search",
    "Swing",
    "cheapest",
    "judge",
    "largest_rate",
    "risk",
    "sensitivity",
]
