"""The result of a load test, the performance of the generator, and whether the run is valid."""

from loadtests.measurement.generator import GeneratorStats, open_loop_stats
from loadtests.measurement.measurement import Measurement
from loadtests.measurement.timeline import TimelinePoint, timeline

__all__ = ["GeneratorStats", "Measurement", "TimelinePoint", "open_loop_stats", "timeline"]
