"""The clusters that a stack can be deployed to: one adapter per file, all behind ``port.Cluster``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from stacks.clusters.port import Cluster, ClusterStatus
from stacks.environment import Environment
from stacks.graph import labels

__all__ = ["Cluster", "ClusterStatus", "check_machine", "kept_to", "open_cluster"]


def _folder(root: Path) -> Path:
    return root / ".sandtable" / "clusters"


def _embedded(environment: Environment, root: Path) -> Cluster:
    from stacks.clusters.embedded import EmbeddedCluster

    return EmbeddedCluster(environment.name, _folder(root) / environment.name)


def _kubeconfig(environment: Environment, root: Path) -> Cluster:
    from stacks.clusters.kubeconfig import KubeconfigCluster

    return KubeconfigCluster.of(environment, root)


def _node(environment: Environment, root: Path) -> Cluster:
    from stacks.clusters.node import NodeCluster

    pool = next(pool for pool in environment.node_pools if pool.gpu is None)
    zones = pool.zones or environment.region(pool.region).zones
    its_labels = {
        labels.POOL: pool.name,
        labels.PURCHASE: pool.purchase,
        labels.REGION: pool.region,
        labels.ZONE: zones[0],
        labels.INSTANCE_TYPE: pool.instance_type,
    }
    # A folder of its own: certificates and Services of an embedded cluster of the same environment would not fit.
    folder = _folder(root) / f"{environment.name}.node"
    return NodeCluster(environment.name, folder, node_name=f"{pool.name}-0", labels=its_labels)


#: By the name of the provider in the environment; a new kind of cluster is one more file and one more line.
_PROVIDERS: Final[dict[str, Callable[[Environment, Path], Cluster]]] = {
    "embedded": _embedded,
    "node": _node,
    "kubeconfig": _kubeconfig,
}


def open_cluster(environment: Environment, root: Path) -> Cluster:
    """Return the cluster that ``environment`` names, without starting or contacting it."""
    return _PROVIDERS[environment.cluster.provider](environment, root)


def check_machine(environment: Environment) -> None:
    """Check what no installation can change: whether this machine can have the environment's cluster.

    Raises:
        ClusterError: it cannot.
    """
    if environment.cluster.provider == "node":
        from stacks.clusters.node.requirements import check_rights

        check_rights(environment.name)


@contextmanager
def kept_to(cores: frozenset[int], root: Path) -> Iterator[None]:
    """Pin the control planes of all clusters under ``root`` to ``cores`` for a while, away from the cores of a measurement."""
    from stacks.clusters.embedded import EmbeddedCluster

    with ExitStack() as stack:
        for folder in sorted(_folder(root).glob("[!.]*/")):
            stack.enter_context(EmbeddedCluster(folder.name, folder).kept_to(cores))
        yield
