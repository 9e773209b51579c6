"""A client's records: a file of its own, or its part of the task's in a rehearsal."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from workloads.federation.definition import Definition
from workloads.federation.errors import TaskError
from workloads.federation.rounds.roster import Roster
from workloads.federation.tasks.partitions import spread
from workloads.federation.tasks.task import Records, Task


def own_records(path: str, name: str, definition: Definition, roster: Roster, task: Task) -> Records:
    """Return the records of a client.

    Args:
        path: of a CSV file, or empty.
        name: of the client.
        definition: says how the task's records are spread.
        roster: of all clients.
        task: what is learned.

    Raises:
        TaskError: the file cannot be read, or does not fit the task; names the file.
    """
    if path:
        return read_csv(Path(path), task)
    if name not in roster.members:
        raise TaskError(f"client {name!r} is not in the roster, so no part of the records is its own")
    parts = spread(task.training.y, len(roster.members), definition.partition, definition.seed)
    return task.training.of(parts[roster.names.index(name)])


def read_csv(path: Path, task: Task) -> Records:
    """Return the records of a CSV file without a header: the features as the task has them, then the label."""
    features, classes = task.model.sizes[0], task.model.sizes[-1]
    try:
        with warnings.catch_warnings(action="ignore"):  # that it is empty is told below
            rows = np.loadtxt(path, delimiter=",", ndmin=2)
    except OSError as error:
        raise TaskError(f"the records {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise TaskError(f"{path} is no CSV file of numbers: {error}") from error
    if not len(rows) or rows.shape[1] != features + 1:
        raise TaskError(f"{path} has {rows.shape[1] if len(rows) else 0} columns; {task.name} needs {features} features and a label")
    labels = rows[:, -1]
    if not np.isin(labels, np.arange(classes)).all():
        wrong = int(np.flatnonzero(~np.isin(labels, np.arange(classes)))[0])
        raise TaskError(f"{path}, row {wrong + 1}: the label {labels[wrong]:g} is not a class of {task.name}, 0 to {classes - 1}")
    return Records(rows[:, :-1], labels.astype(np.int64))
