"""Many independent simulations: one after the other, in worker processes, or on a Ray cluster, with the same results."""

from simulations.sweeps.here import Here
from simulations.sweeps.port import Sweep
from simulations.sweeps.workers import Workers

__all__ = ["Here", "Sweep", "Workers"]
