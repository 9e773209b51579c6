"""Digits and breast cancer: two small data sets that scikit-learn carries, so nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.federation.errors import TaskError
from workloads.federation.models.network import Network
from workloads.federation.tasks.task import Task, split


def digits(seed: int) -> Task:
    """Return 1,797 handwritten digits of 8 x 8 pixels (Alpaydin and Kaynak 1998); 4,810 parameters."""
    data = _datasets().load_digits()
    training, test = split(data.data / 16.0, data.target.astype(np.int64), seed)
    return Task("digits", Network((64, 64, 10)), training, test)


def breast_cancer(seed: int) -> Task:
    """Return 569 tumours, malignant or benign, by 30 features (Street, Wolberg and Mangasarian 1993); 62 parameters.

    Features are standardised with the moments of the whole data set, as a published normalisation would be: each client's own would
    differ, and a shared one from private records would be a release.
    """
    data = _datasets().load_breast_cancer()
    x = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    training, test = split(x, data.target.astype(np.int64), seed)
    return Task("breast-cancer", Network((30, 2)), training, test)


def _datasets() -> Any:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise TaskError("the tasks `digits` and `breast-cancer` need scikit-learn: install the dependency group `federation`") from error
    return datasets
