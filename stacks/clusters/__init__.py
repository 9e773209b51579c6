"""The clusters that a stack can be deployed to: one adapter per file, all behind ``port.Cluster``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from stacks.clusters.port import Cluster, ClusterStatus
from stacks.environment import Environment

__all__ = ["Cluster", "ClusterStatus", "kept_to", "open_cluster"]


def _folder(root: Path) -> Path:
    return root / ".sandtable" / "clusters"


def _embedded(environment: Environment, root: Path) -> Cluster:
    from stacks.clusters.embedded import EmbeddedCluster

    return EmbeddedCluster(environment.name, _folder(root) / environment.name)


def _kubeconfig(environment: Environment, root: Path) -> Cluster:
    from stacks.clusters.kubeconfig import KubeconfigCluster

    return KubeconfigCluster.of(environment, root)


#: By the name of the provider in the environment; a new kind of cluster is one more file and one more line. `node`, the embedded cluster
#: with a real kubelet beside the simulated nodes, would go here.
_PROVIDERS: Final[dict[str, Callable[[Environment, Path], Cluster]]] = {"embedded": _embedded, "kubeconfig": _kubeconfig}


def open_cluster(environment: Environment, root: Path) -> Cluster:
    """Return the cluster that ``environment`` names, without starting or contacting it."""
    return _PROVIDERS[environment.cluster.provider](environment, root)


@contextmanager
def kept_to(cores: frozenset[int], root: Path) -> Iterator[None]:
    """Pin the servers of all embedded clusters under ``root`` to ``cores`` for a while, away from the cores of a measurement."""
    from stacks.clusters.embedded import EmbeddedCluster

    with ExitStack() as stack:
        for folder in sorted(_folder(root).glob("[!.]*/")):
            stack.enter_context(EmbeddedCluster(folder.name, folder).kept_to(cores))
        yield
