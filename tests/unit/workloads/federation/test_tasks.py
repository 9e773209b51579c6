"""The tasks that need nothing but the core: credit risk and the next word."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.federation.definition import TaskName
from workloads.federation.errors import TaskError
from workloads.federation.tasks import credit
from workloads.federation.tasks.task import Records, load


@pytest.mark.parametrize("name", ["credit-risk", "next-word"])
def test_a_task_fits_its_model_and_is_the_same_for_a_seed(name: TaskName) -> None:
    task, again = load(name, 5), load(name, 5)
    assert task.training.x.shape[1] == task.model.sizes[0]
    assert max(task.training.y.max(), task.test.y.max()) < task.model.sizes[-1]
    np.testing.assert_array_equal(task.training.x, again.training.x)
    assert len(task.test) > 200


def test_credit_defaults_are_rare_and_drift() -> None:
    x, y, group = credit.generate(0)
    half = len(y) // 2
    assert 0.05 < y.mean() < 0.2
    early, late = (np.corrcoef(x[part, 0], y[part])[0, 1] for part in (slice(half), slice(half, None)))
    assert early < late - 0.05 < 0  # income protects, and less so later
    assert x[:half, 0].mean() < x[half:, 0].mean()
    assert 0.25 < group.mean() < 0.35


def test_records_that_cannot_be_trained_on_are_refused() -> None:
    with pytest.raises(TaskError, match="record 1 has a feature that is not a finite number"):
        Records(np.array([[1.0], [np.nan]]), np.zeros(2, np.int64))
    with pytest.raises(TaskError, match="2 labels do not fit"):
        Records(np.ones((3, 1)), np.zeros(2, np.int64))
