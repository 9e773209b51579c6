"""dev on an embedded cluster: one deployment that all tests share which only look at it, and the means to look.

A module whose tests change or kill something overrides ``root`` and ``cluster`` with its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config
from kubernetes.dynamic import DynamicClient

from stacks.clusters import Cluster, open_cluster
from stacks.deployment import Deployment
from stacks.environment.file import load
from stacks.graph import Graph, labels
from stacks.graph.sources import from_program

Identity = tuple[str, str, str, str]


@pytest.fixture(scope="session")
def root(new_root: Callable[..., Path]) -> Path:
    return new_root("dev")


@pytest.fixture(scope="session")
def cluster(root: Path, keep_to_the_end: Callable[[Cluster], None]) -> Cluster:
    found = open_cluster(load("dev", root=root), root)
    keep_to_the_end(found)
    found.start()
    return found


@pytest.fixture(scope="session")
def deployed(root: Path, cluster: Cluster) -> Deployment:
    """Deploy dev once; every test leaves it as it was."""
    shared = Deployment(load("dev", root=root), cluster=cluster, root=root)
    shared.up()
    return shared


@pytest.fixture
def connection(cluster: Cluster) -> Any:
    return config.new_client_from_config(str(cluster.kubeconfig), cluster.context)


@pytest.fixture
def declared(root: Path) -> Graph:
    return from_program(load("dev", root=root))


class Live:
    """What the API server says is there."""

    def __init__(self, connection: Any) -> None:
        self._client = DynamicClient(connection)

    def __call__(self, kinds: set[tuple[str, str]]) -> Counter[Identity]:
        """Count the objects of these kinds that carry the environment's label and were not made by a controller."""
        found: Counter[Identity] = Counter()
        for version, kind in kinds:
            for item in self._client.resources.get(api_version=version, kind=kind).get(label_selector=f"{labels.ENVIRONMENT}=dev").items:
                if not item.metadata.ownerReferences:
                    found[version, kind, item.metadata.namespace or "", item.metadata.name] += 1
        return found


@pytest.fixture
def live(connection: Any) -> Live:
    return Live(connection)


@pytest.fixture
def complete(cluster: Cluster, declared: Graph) -> Callable[[Deployment], None]:
    """Return a check that the objects of the program are there, once each, and that the state knows them."""

    def check(deployment: Deployment) -> None:
        seen = Live(config.new_client_from_config(str(cluster.kubeconfig), cluster.context))
        assert seen({resource.identity[:2] for resource in declared.objects()}) == Counter(
            resource.identity for resource in declared.objects()
        )
        assert deployment.graph().digest == declared.digest
        assert not deployment.export_state()["deployment"].get("pending_operations")

    return check
