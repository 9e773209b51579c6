"""Training jobs on machines that fail: checkpoints, lost work, restarts and repairs."""

from simulations.training.checkpoints import daly_wall_s, young_interval_s
from simulations.training.job import Books, CheckpointPlan, TrainingJob
from simulations.training.machines import Machines, MemorylessMachines

__all__ = ["Books", "CheckpointPlan", "Machines", "MemorylessMachines", "TrainingJob", "daly_wall_s", "young_interval_s"]
