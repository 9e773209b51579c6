"""Flower's SecAgg+ for the benchmark, in one process; runs in the environment of the peer and prints seconds a round and errors as JSON.

Its own workflow and client mod, over a grid that calls the client apps.
Arguments: entries, clients, threshold, clients that drop out after they have dealt their shares, rounds.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, RecordDict
from flwr.client import NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.clientapp import ClientApp
from flwr.common import parameters_to_ndarrays
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage
from flwr.server import LegacyContext, ServerConfig
from flwr.server.compat.grid_client_proxy import GridClientProxy
from flwr.server.strategy import FedAvg
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD
from flwr.server.workflow.constant import Key as WorkflowKey
from flwr.supercore.task_identity import TaskIdentity

from benchmarks.federation.peer_grid import OneProcess


class Constant(NumPyClient):  # type: ignore[misc]
    """A client whose update is known."""

    def __init__(self, update: Any) -> None:
        self.update = update

    def fit(self, parameters: Any, config: Any) -> Any:  # noqa: ARG002
        """Return the update."""
        return [self.update], 1, {}


def client_function(update: Any) -> Any:
    """Return what makes a client; Flower wants one argument of this name and type."""

    def client_fn(context: Context) -> Any:  # noqa: ARG001
        return Constant(update).to_client()

    return client_fn


class SomeLeave(OneProcess):
    """A grid whose clients in ``gone`` do not answer from the third stage on."""

    def __init__(self, updates: Any, gone: set[int]) -> None:
        super().__init__({node: ClientApp(client_fn=client_function(update), mods=[secaggplus_mod]) for node, update in updates.items()})
        self.gone = gone

    def answers(self, message: Any) -> bool:
        """Whether the client has not left."""
        stage = message.content.config_records[RECORD_KEY_CONFIGS][Key.STAGE]
        return message.metadata.dst_node_id not in self.gone or stage not in {Stage.COLLECT_MASKED_VECTORS, Stage.UNMASK}


class Sum(FedAvg):  # type: ignore[misc]
    """Keeps what it is given."""

    mean: Any = None

    def aggregate_fit(self, server_round: int, results: Any, failures: Any) -> Any:
        """Keep the mean."""
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        self.mean = parameters_to_ndarrays(parameters)[0]
        return parameters, metrics


def main(entries: int, clients: int, threshold: int, dropping: int, rounds: int) -> None:
    """Measure."""
    logging.disable(logging.CRITICAL)
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 0, 1
    random = np.random.default_rng(1)
    updates = {node: random.uniform(-1, 1, entries).astype(np.float32) for node in range(1, clients + 1)}
    gone = set(range(1, dropping + 1))
    strategy = Sum(min_fit_clients=clients, min_available_clients=clients, min_evaluate_clients=clients)
    expected = np.mean([update for node, update in updates.items() if node not in gone], axis=0)
    seconds, errors = [], []
    for number in range(1, rounds + 1):
        grid = SomeLeave(updates, gone)
        context = LegacyContext(
            Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config={}), ServerConfig(num_rounds=1), strategy
        )
        for node in updates:
            context.client_manager.register(GridClientProxy(node, grid, 1))
        context.state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({WorkflowKey.CURRENT_ROUND: number})
        context.state.array_records[MAIN_PARAMS_RECORD] = ArrayRecord([np.zeros(entries, np.float32)])
        workflow = SecAggPlusWorkflow(num_shares=1.0, reconstruction_threshold=threshold / clients, max_weight=1, clipping_range=1.0)
        begun = time.perf_counter()
        workflow(grid, context)
        seconds.append(time.perf_counter() - begun)
        errors.append(float(np.abs(strategy.mean - expected).max()))
    print(json.dumps({"seconds": seconds, "errors": errors}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
