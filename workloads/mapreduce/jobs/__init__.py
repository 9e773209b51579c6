"""The jobs that ship, by name."""

from __future__ import annotations

from typing import Final

from workloads.mapreduce.errors import UnknownJobError
from workloads.mapreduce.jobs.inverted_index import InvertedIndex
from workloads.mapreduce.jobs.job import Job
from workloads.mapreduce.jobs.sort import Sort
from workloads.mapreduce.jobs.usage import Usage
from workloads.mapreduce.jobs.word_count import WordCount

JOBS: Final[dict[str, type[Job]]] = {job.name: job for job in (WordCount, InvertedIndex, Sort, Usage)}

__all__ = ["JOBS", "Job", "job_named"]


def job_named(name: str) -> Job:
    """Return a job. Raises ``UnknownJobError``."""
    if name not in JOBS:
        raise UnknownJobError(f"there is no job {name!r}; there are {', '.join(JOBS)}")
    return JOBS[name]()
