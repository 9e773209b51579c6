"""Flower's grid for the peers of the benchmarks: it calls the client apps in this process, without messages on a network."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from flwr.app import Context, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity


class OneProcess(Grid):  # type: ignore[misc]
    """Calls the client apps, by node. What goes in and out is copied, because Flower's mods change the records that they are given."""

    def __init__(self, apps: dict[int, ClientApp]) -> None:
        self.nodes = {
            node: (app, Context(run_id=1, node_id=node, node_config={}, state=RecordDict(), run_config={})) for node, app in apps.items()
        }

    def set_run(self, run: Any) -> None:
        """Take nothing."""

    @property
    def run(self) -> Any:
        """Return nothing."""
        return None

    def create_message(self, *arguments: Any) -> Any:
        """Not used."""
        raise NotImplementedError

    def get_node_ids(self) -> Any:
        """Return all nodes."""
        return list(self.nodes)

    def push_messages(self, messages: Any) -> Any:
        """Not used."""
        raise NotImplementedError

    def pull_messages(self, message_ids: Any) -> Any:
        """Not used."""
        raise NotImplementedError

    def answers(self, message: Any) -> bool:  # noqa: ARG002
        """Whether the client that ``message`` is for is still there."""
        return True

    def send_and_receive(self, messages: Any, *, timeout: float | None = None) -> Any:  # noqa: ARG002
        """Let each client that is there answer."""
        replies = []
        for message in filter(self.answers, messages):
            node = TaskIdentity.node_id = message.metadata.dst_node_id
            app, context = self.nodes[node]
            replies.append(deepcopy(app(deepcopy(message), context)))
        TaskIdentity.node_id = 0
        return replies
