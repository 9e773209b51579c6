"""Spot capacity: recorded windows of availability, and jobs with a deadline that run on it."""

from simulations.spot.deadline_job import DeadlineJob, Machine, Prices, always_on_demand, greedy
from simulations.spot.windows import Window, read_windows

__all__ = ["DeadlineJob", "Machine", "Prices", "Window", "always_on_demand", "greedy", "read_windows"]
