"""Digits by ten clients, beside Flower's FedAvg: the same split, partition, first model and order of records for both.

Flower's row on the even partition shows that our FedAvg is the same; on the partition by shards ours is SCAFFOLD with server momentum. Its
momentum was chosen on the seeds 11 and 12, which are not among those measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.federation.table import Row, mean_and_interval
from tests.unit.workloads.federation.federations import Federation
from workloads.federation.definition import Definition, Local, Partition, Privacy, Strategy
from workloads.federation.tasks.task import load

CLIENTS = 10
PEER = Path(__file__).with_name("peer_learning.py")
ROOT = Path(__file__).parents[2]
FIGURES = (
    ("digits, IID, E 5, 20 rounds", ">= .961", Partition(kind="iid"), 20, Strategy()),
    ("digits, 2 shards, 50 rounds", ">= .93", Partition(kind="shards"), 50, Strategy(name="scaffold", momentum=0.5)),
)


def rows(flower_python: str | None, seeds: int) -> list[Row]:
    """Return the rows."""
    found = []
    for name, reach, partition, rounds, strategy in FIGURES:
        ours, theirs, apart = [], [], []
        for seed in range(1, seeds + 1):
            terms = Definition.model_validate({
                "task": "digits", "seed": seed, "rounds": rounds, "strategy": strategy, "partition": partition,
                "local": Local(epochs=5, batch=10, rate=0.1), "privacy": Privacy(unit="none"), "secure_aggregation": False,
                "update_norm": 1e6,
            })  # fmt: skip
            with tempfile.TemporaryDirectory(prefix="bench-federation-") as folder:
                federation = Federation(Path(folder), terms, CLIENTS, task=load("digits", seed))
                progress = federation.run().store.progress
                ours.append(progress.history[-1].accuracy)
                if flower_python:
                    accuracy, parameters = flower(flower_python, federation, Path(folder) / "given.npz")
                    theirs.append(accuracy)
                    apart.append(float(np.abs(parameters - progress.state.parameters).max()))
        peer = f"FedAvg {mean_and_interval(theirs)}" if theirs else "-"
        if apart and strategy == Strategy():
            peer += f", parameters within {max(apart):.0e}"
        found.append(Row(name, reach, f"{strategy.name} {mean_and_interval(ours)}", peer))
    return found


def flower(python: str, federation: Federation, path: Path) -> tuple[float, np.ndarray]:
    """Return accuracy and parameters of Flower's FedAvg on the same records."""
    terms, task = federation.definition, federation.task
    given = {
        "sizes": task.model.sizes,
        "activation": task.model.activation,
        "local": terms.local.model_dump(),
        "clients": CLIENTS,
        "seed": terms.seed,
        "rounds": terms.rounds,
    }
    arrays = {"x": task.test.x, "y": task.test.y, "initial": task.model.initial(terms.seed)}
    for place, records in enumerate(federation.records.values()):
        arrays |= {f"x{place}": records.x, f"y{place}": records.y}
    np.savez(path, given=np.array(json.dumps(given)), **arrays)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
    done = subprocess.run([python, str(PEER), str(path)], env=environ, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["accuracy"], np.array(answer["parameters"])
