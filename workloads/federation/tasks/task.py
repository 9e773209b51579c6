"""A task: its records and its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from workloads.federation.definition import TaskName
from workloads.federation.errors import TaskError
from workloads.federation.models.network import Labels, Matrix, Network


@dataclass(frozen=True, slots=True)
class Records:
    """Features, records x features, and labels from 0 on.

    Raises:
        TaskError: they differ in number, or a feature is not finite.
    """

    x: Matrix
    y: Labels

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or len(self.x) != len(self.y):
            raise TaskError(f"{len(self.y)} labels do not fit features of shape {self.x.shape}")
        if not np.isfinite(self.x).all():
            raise TaskError(f"record {int(np.flatnonzero(~np.isfinite(self.x).all(axis=1))[0])} has a feature that is not a finite number")

    def __len__(self) -> int:
        return len(self.y)

    def of(self, rows: Labels) -> Records:
        """Return some of them."""
        return Records(self.x[rows], self.y[rows])


@dataclass(frozen=True, slots=True)
class Task:
    """What a federation learns.

    Attributes:
        name: as in the definition.
        model: the network that is trained.
        training: all training records, before they are spread over the clients.
        test: records that the server measures the accuracy on; no client trains on them, and no guarantee covers them.
    """

    name: TaskName
    model: Network
    training: Records
    test: Records


def load(name: TaskName, seed: int = 0) -> Task:
    """Return a task.

    Args:
        name: which.
        seed: of the split into training and test records, and of generated records.

    Raises:
        TaskError: it needs a package that is not installed.
    """
    return _TASKS[name](seed)


def split(x: Matrix, y: Labels, seed: int, *, test_share: float = 0.2) -> tuple[Records, Records]:
    """Return training and test records, with the same share of every class in the latter, in a seeded order."""
    random = np.random.default_rng(seed)
    test: list[int] = []
    for label in np.unique(y):
        rows = random.permutation(np.flatnonzero(y == label))
        test.extend(rows[: round(test_share * len(rows))])
    chosen = np.zeros(len(y), bool)
    chosen[test] = True
    training = random.permutation(np.flatnonzero(~chosen))
    return Records(x[training], y[training]), Records(x[chosen], y[chosen])


def _measured(name: TaskName) -> Callable[[int], Task]:
    def make(seed: int) -> Task:
        from workloads.federation.tasks import measured

        return measured.digits(seed) if name == "digits" else measured.breast_cancer(seed)

    return make


def _credit(seed: int) -> Task:
    from workloads.federation.tasks import credit

    return credit.credit_risk(seed)


def _words(seed: int) -> Task:
    from workloads.federation.tasks import words

    return words.next_word(seed)


_TASKS: Final[dict[TaskName, Callable[[int], Task]]] = {
    "digits": _measured("digits"),
    "breast-cancer": _measured("breast-cancer"),
    "credit-risk": _credit,
    "next-word": _words,
}
