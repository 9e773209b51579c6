"""Training with record-level epsilon 3 at delta 1e-4, beside Opacus: paired over seeds of the split.

Both train the same network for 30 epochs with batches of 64 drawn by Poisson sampling, SGD and clipping at 1. Ours calibrates its noise by
privacy loss distributions, and Opacus by Rényi divergences. A seed's accuracy is the mean of three trainings: they differ by the noise,
which would otherwise hide what a smaller noise multiplier gains.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

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
CLIP, REPEATS = 1.0, 3
PEER = Path(__file__).with_name("peer_private.py")
FIGURES: tuple[tuple[TaskName, str], ...] = (("digits", "Opacus .9306"), ("breast-cancer", "Opacus .9678"))


def rows(opacus_python: str | None, seeds: int) -> list[Row]:
    """Return the rows; the difference is the one that counts, because splits differ more than methods."""
    found = []
    for name, published in FIGURES:
        tasks = [load(name, seed) for seed in range(1, seeds + 1)]
        ours = [statistics.fmean(accuracy(task, seed) for _ in range(REPEATS)) for seed, task in enumerate(tasks, 1)]
        theirs = opacus(opacus_python, tasks) if opacus_python else []
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


def opacus(python: str, tasks: Sequence[Task]) -> list[float]:
    """Train and test Opacus on the same records; return the mean accuracy of each seed."""
    arrays: dict[str, Any] = {"sizes": np.array(tasks[0].model.sizes)}
    for seed, task in enumerate(tasks, 1):
        arrays |= {f"x{seed}": task.training.x, f"y{seed}": task.training.y, f"test_x{seed}": task.test.x, f"test_y{seed}": task.test.y}
    with tempfile.TemporaryDirectory(prefix="bench-federation-") as folder:
        path = Path(folder) / "records.npz"
        np.savez(path, **arrays)
        arguments = [python, str(PEER), str(path), str(len(tasks)), str(REPEATS)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return [statistics.fmean(each) for each in json.loads(done.stdout.splitlines()[-1])]
