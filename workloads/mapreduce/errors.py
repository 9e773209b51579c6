"""Errors of a job, by whose fault it is."""

from __future__ import annotations


class MapReduceError(Exception):
    """Base class; the text names the file or the task."""


class InputError(MapReduceError):
    """An input file is missing, cannot be read, or has a line that the job cannot read."""


class UnknownJobError(MapReduceError):
    """There is no job of that name; the text lists those that are there."""


class OtherJobError(MapReduceError):
    """The folder holds the work of another job, or of another input."""


class TaskFailedError(MapReduceError):
    """A task failed as often as it may; the text has its last error."""
