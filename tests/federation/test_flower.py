"""Our FedAvg beside Flower's, on the same records, from the same first model and in the same order of records."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.federation.learning import CLIENTS, flower
from tests.unit.workloads.federation.federations import NOT_PRIVATE, Federation
from workloads.federation.definition import Definition, Local, Partition
from workloads.federation.tasks.task import load

FLOWER = os.environ.get("FLOWER_PYTHON")

pytestmark = pytest.mark.skipif(FLOWER is None, reason="FLOWER_PYTHON names no environment with flwr: run `nox -s federation`")


@pytest.mark.parametrize("kind", ["iid", "shards", "dirichlet"])
def test_the_parameters_are_those_of_flower_to_1e_6(tmp_path: Path, kind: str) -> None:
    assert FLOWER is not None
    terms = Definition(
        task="digits", seed=7, rounds=3, partition=Partition.model_validate({"kind": kind}), local=Local(epochs=2, batch=10, rate=0.1),
        privacy=NOT_PRIVATE, secure_aggregation=False, update_norm=1e6,
    )  # fmt: skip
    federation = Federation(tmp_path, terms, CLIENTS, task=load("digits", terms.seed))
    progress = federation.run().store.progress
    accuracy, parameters = flower(FLOWER, federation, tmp_path / "given.npz")
    assert np.abs(parameters - progress.state.parameters).max() < 1e-6
    assert accuracy == progress.history[-1].accuracy
    assert accuracy > 0.3
