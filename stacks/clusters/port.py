"""The port that every cluster implements; ``tests/contract/test_cluster.py`` checks every adapter against it."""

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
    """The context inside the kubeconfig file that deploys the stack."""

    @property
    def is_ours(self) -> bool:
        """Whether Sandtable starts and stops it."""
        return self.provider != "kubeconfig"


class Cluster(Protocol):
    """A cluster that a stack is deployed to."""

    @property
    def name(self) -> str:
        """The name of the environment that it hosts."""

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file with the context; it exists while the cluster runs."""

    @property
    def kubeconfigs(self) -> tuple[Path, ...]:
        """The files that define the context: one, or those of $KUBECONFIG if its cluster and user are in others."""

    @property
    def context(self) -> str:
        """The context to use inside that file."""

    def start(self) -> None:
        """Make the cluster ready for a deployment; does nothing if it already is.

        Raises:
            ClusterError: it did not start, is unreachable or denies us access.
            toolchain.ToolMissingError: a server is missing.
        """

    def stop(self) -> None:
        """Stop what ``start`` started and keep the data; does nothing if nothing is running."""

    def delete(self) -> None:
        """Stop, and delete the data. A cluster that is not ours is left alone."""

    def status(self) -> ClusterStatus:
        """Return what is running, without changing anything."""


def kubeconfig_for_pulumi(cluster: Cluster) -> str | None:
    """Return the path to pass to Pulumi's provider; None if the provider must merge the files of $KUBECONFIG itself."""
    return str(cluster.kubeconfig.absolute()) if len(cluster.kubeconfigs) == 1 else None
