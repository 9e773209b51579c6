"""The port that every cluster keeps; ``tests/contract/test_cluster.py`` holds every adapter to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The state of a cluster. ``nodes_are_played``: whether KWOK simulates the nodes and pods."""

    name: str
    provider: str
    running: bool
    server: str | None
    nodes_are_played: bool
    note: str = ""
    context: str | None = None
    """The context that the stack is deployed through, inside the kubeconfig file."""


class Cluster(Protocol):
    """A place where a stack lands."""

    @property
    def name(self) -> str:
        """The name of the environment that it carries."""

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file with the context; it exists while the cluster runs."""

    @property
    def kubeconfigs(self) -> tuple[Path, ...]:
        """The files that say all of the context: the one, or those of $KUBECONFIG where cluster and user stand in others."""

    @property
    def context(self) -> str:
        """The context to use inside that file."""

    def start(self) -> None:
        """Make the cluster ready to be deployed to; does nothing where it already is.

        Raises:
            ClusterError: it did not start, cannot be reached or refuses us.
            toolchain.ToolMissingError: a server is missing.
        """

    def stop(self) -> None:
        """End what ``start`` started and keep the data; does nothing where nothing runs."""

    def delete(self) -> None:
        """Stop, and throw the data away. A cluster that is not ours is left alone."""

    def status(self) -> ClusterStatus:
        """Return what is running, without changing anything."""


def kubeconfig_for_pulumi(cluster: Cluster) -> str | None:
    """Return the path that Pulumi's provider is told; None where it has to merge the files of $KUBECONFIG itself."""
    return str(cluster.kubeconfig.absolute()) if len(cluster.kubeconfigs) == 1 else None
