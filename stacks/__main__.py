"""Entry point for the Pulumi CLI (``pulumi up -s dev``): the program for the environment with the stack's name.

An error that an operator can fix ends as one line of text without a traceback (``pulumi.RunError``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from stacks.clusters import open_cluster
from stacks.clusters.port import kubeconfig_for_pulumi
from stacks.environment.file import load
from stacks.errors import ClusterError, StackError
from stacks.program import program

if TYPE_CHECKING:
    from stacks.clusters import Cluster


def main(root: Path) -> None:
    """Declare the stack of the environment in ``root`` that Pulumi's stack is named after.

    Raises:
        RunError: the environment's file is invalid, its cluster is not running, or a secret of the stack is not set.
    """
    try:
        environment = load(pulumi.get_stack(), root=root)
        cluster = open_cluster(environment, root)
        _must_run(cluster)
        program(environment, kubeconfig=kubeconfig_for_pulumi(cluster), context=cluster.context)
    except StackError as error:
        raise pulumi.RunError(str(error)) from error


def _must_run(cluster: Cluster) -> None:
    status = cluster.status()
    if not status.running:
        note = f" ({status.note})" if status.note else ""
        raise ClusterError(f"cluster {status.name} is not running{note}: start it with `sandtable cluster start {status.name}`")


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[1])
