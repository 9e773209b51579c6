"""Generated credit applications: imbalanced, drifting over time, with groups for a fairness report.

There is no real person behind a record. Default is rare (about one in ten). The risk of later applicants depends less on income and more on
debt, and their incomes grow: a model of the early ones is worse on the late ones. The test records are the latest, as in production.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from workloads.federation.models.network import Network, Vector
from workloads.federation.tasks.task import Records, Task

#: Columns of a record. Group membership is no feature of the model; ``group`` recovers it.
FEATURES: Final = ("income", "debt_ratio", "utilisation", "late_payments", "age_of_account", "inquiries", "employment_years", "loan_size")
_RECORDS: Final = 5000
_TEST_SHARE: Final = 0.2
_INTERCEPT: Final = -3.2
_DRIFT: Final = 0.6


def credit_risk(seed: int) -> Task:
    """Return the task; 18 parameters, class 1 is a default."""
    x, y, _ = generate(seed)
    cut = round(len(y) * (1 - _TEST_SHARE))
    return Task("credit-risk", Network((len(FEATURES), 2)), Records(x[:cut], y[:cut]), Records(x[cut:], y[cut:]))


def test_groups(seed: int) -> Vector:
    """Return the group (0 or 1) of each test record, for the fairness report."""
    groups = generate(seed)[2]
    return groups[round(len(groups) * (1 - _TEST_SHARE)) :]


def generate(seed: int) -> tuple[Vector, np.ndarray[tuple[int], np.dtype[np.int64]], Vector]:
    """Return features in order of time, labels and groups."""
    random = np.random.default_rng([seed, len(FEATURES)])
    time = np.linspace(0, 1, _RECORDS)
    group = (random.random(_RECORDS) < 0.3).astype(np.float64)
    x = random.standard_normal((_RECORDS, len(FEATURES)))
    x[:, 0] += _DRIFT * time - 0.3 * group  # income grows with time, and is lower in one group
    x[:, 2] = 0.6 * x[:, 1] + 0.8 * x[:, 2]  # utilisation goes with debt
    x[:, 3] = np.log1p(random.poisson(np.exp(0.4 * x[:, 1] - 0.5)))
    risk = (
        _INTERCEPT
        - (1.0 - _DRIFT * time) * x[:, 0]
        + (0.8 + _DRIFT * time) * x[:, 1]
        + 0.5 * x[:, 2]
        + 1.1 * x[:, 3]
        - 0.4 * x[:, 4]
        + 0.3 * x[:, 5]
    )
    y = (random.random(_RECORDS) < 1 / (1 + np.exp(-risk))).astype(np.int64)
    return x, y, group
