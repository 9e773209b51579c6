"""Training with record-level epsilon 3 at delta 1e-4, beside Opacus: paired over seeds of the split.

Both train the same network for 30 epochs with batches of 64 drawn by Poisson sampling, SGD and clipping at 1. Ours calibrates its noise by
privacy loss distributions, and Opacus by Rényi divergences.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.federation.table import Row, mean_and_interval
from workloads.federation.definition import Local, TaskName
from workloads.federation.models.network import Network
from workloads.federation.privacy.accounting.calibration import noise_multiplier
from workloads.federation.privacy.accounting.pld import PldAccountant
from workloads.federation.privacy.statement import Neighbours, Sampler, Statement, Unit
from workloads.federation.tasks.task import Task, load
from workloads.federation.training.plain import Correction, steps
from workloads.federation.training.private import Plan, train_privately

TERMS = Statement(Unit.RECORD, Neighbours.ADD_OR_REMOVE_ONE, Sampler.POISSON, 1e-4)
LOCAL = Local(epochs=30, batch=64, rate=0.5)
CLIP = 1.0
PEER = Path(__file__).with_name("peer_private.py")
FIGURES: tuple[tuple[TaskName, str], ...] = (("digits", "Opacus .9306"), ("breast-cancer", "Opacus .9678"))


def rows(opacus_python: str | None, seeds: int) -> list[Row]:
    """Return the rows; the difference is the one that counts, because splits differ more than methods."""
    found = []
    for name, published in FIGURES:
        ours, theirs = [], []
        for seed in range(1, seeds + 1):
            task = load(name, seed)
            ours.append(accuracy(task, seed))
            if opacus_python:
                theirs.append(opacus(opacus_python, task, seed))
        figure = f"record-level epsilon 3, {name}"
        if theirs:
            difference = mean_and_interval([one - other for one, other in zip(ours, theirs, strict=True)], sign=True)
            found.append(Row(f"{figure}, paired", "> 0", difference, published))
        found.append(Row(figure, "better", mean_and_interval(ours), f"Opacus {mean_and_interval(theirs)}" if theirs else published))
    return found


@cache
def noise_of(records: int) -> float:
    """Return the least noise multiplier for epsilon 3."""
    count = steps(records, LOCAL)
    rate = LOCAL.batch / records
    return noise_multiplier(PldAccountant(), TERMS, epsilon=3.0, releases=count, sampling_rate=rate, tolerance=1e-3)


def accuracy(task: Task, seed: int) -> float:
    """Train and test ours."""
    model = Network(task.model.sizes, "tanh")
    plan = Plan.of(len(task.training), LOCAL, noise_multiplier=noise_of(len(task.training)), clip_norm=CLIP)
    parameters = train_privately(model, model.initial(seed), task.training, plan, correction=Correction())
    return model.accuracy(parameters, task.test.x, task.test.y)


def opacus(python: str, task: Task, seed: int) -> float:
    """Train and test Opacus."""
    with tempfile.TemporaryDirectory(prefix="bench-federation-") as folder:
        path = Path(folder) / "records.npz"
        sizes = np.array(task.model.sizes)
        np.savez(path, x=task.training.x, y=task.training.y, test_x=task.test.x, test_y=task.test.y, sizes=sizes)
        done = subprocess.run([python, str(PEER), str(path), str(seed)], capture_output=True, text=True, check=True)
    found: float = json.loads(done.stdout.splitlines()[-1])["accuracy"]
    return found
