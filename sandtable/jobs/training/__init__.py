"""Training jobs of the stack: run here as deployed, killed where a fault says so, held against the twin's job model."""

from sandtable.jobs.training.job import training_job

__all__ = ["training_job"]
