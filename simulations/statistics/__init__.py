"""Statistics of simulation output, the same for every model."""

from simulations.statistics.comparison import Comparison, Significance, compare
from simulations.statistics.intervals import Interval, interval, share_of_drawn, student, t95
from simulations.statistics.replications import replicate
from simulations.statistics.warm_up import warm_up

__all__ = ["Comparison", "Interval", "Significance", "compare", "interval", "replicate", "share_of_drawn", "student", "t95", "warm_up"]
