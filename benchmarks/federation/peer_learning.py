"""Flower's FedAvg for the benchmark, in one process; runs in the environment of the peer and prints the accuracy of each run as JSON.

The clients train with our own code on the same partition, from the same first model and in the same order of records: what differs is the
strategy. Argument: an ``.npz`` as :mod:`benchmarks.federation.learning` writes it.
"""

from __future__ import annotations

import json
import logging
import sys

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg
from flwr.supercore.task_identity import TaskIdentity

from benchmarks.federation.peer_grid import OneProcess
from workloads.federation.definition import Local
from workloads.federation.models.network import Network
from workloads.federation.tasks.task import Records
from workloads.federation.training.plain import Correction, train


def client(place: int, records: Records, model: Network, local: Local, seed: int) -> ClientApp:
    """Return a client app."""
    app = ClientApp()

    @app.train()  # type: ignore[untyped-decorator]
    def fit(message: Message, context: Context) -> Message:  # noqa: ARG001 - Flower's signature
        start = message.content["arrays"]["parameters"].numpy()
        number = int(message.content["config"]["server-round"])
        end = train(model, start, records, local, correction=Correction(), random=np.random.default_rng([seed, number, place]))
        content = {"arrays": ArrayRecord({"parameters": Array(end)}), "metrics": MetricRecord({"num-examples": len(records)})}
        return Message(RecordDict(content), reply_to=message)

    return app


def main(path: str) -> None:
    """Train."""
    logging.disable(logging.CRITICAL)
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 0, 1
    with np.load(path) as data:
        given = json.loads(str(data["given"]))
        model = Network(tuple(given["sizes"]), given["activation"])
        local = Local(**given["local"])
        parts = [Records(data[f"x{place}"], data[f"y{place}"]) for place in range(given["clients"])]
        apps = [client(place, records, model, local, given["seed"]) for place, records in enumerate(parts)]
        first = ArrayRecord({"parameters": Array(data["initial"])})
        strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=len(apps), min_available_nodes=len(apps))
        result = strategy.start(OneProcess(dict(enumerate(apps, 1))), first, num_rounds=given["rounds"])
        parameters = result.arrays["parameters"].numpy()
        print(json.dumps({"accuracy": model.accuracy(parameters, data["x"], data["y"]), "parameters": parameters.tolist()}))


if __name__ == "__main__":
    main(sys.argv[1])
