"""What a load test saw, how the instrument did, and whether the run can be judged."""

from loadtests.measurement.generator import GeneratorStats, open_loop_stats
from loadtests.measurement.measurement import Measurement
from loadtests.measurement.timeline import TimelinePoint, timeline

__all__ = ["GeneratorStats", "Measurement", "TimelinePoint", "open_loop_stats", "timeline"]
