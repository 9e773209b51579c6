"""The contract of ``stacks.clusters.port.Cluster``, held against every adapter.

Every test brings the cluster to where it needs it, so that their order does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config

from stacks.clusters import Cluster, open_cluster
from stacks.clusters.embedded import EmbeddedCluster
from stacks.environment import Cluster as ClusterSettings
from stacks.environment import Environment
from stacks.graph import labels

pytestmark = pytest.mark.e2e


def connect(cluster: Cluster) -> Any:
    """What a user does with kubeconfig and context."""
    return client.CoreV1Api(config.new_client_from_config(str(cluster.kubeconfig), cluster.context))


def keep(cluster: Cluster) -> str:
    """Make an object; return its name, which the server gives."""
    made = connect(cluster).create_namespaced_config_map("default", {"metadata": {"generateName": "kept-"}, "data": {"key": "value"}})
    return str(made.metadata.name)


def kept(cluster: Cluster) -> set[str]:
    return {item.metadata.name for item in connect(cluster).list_namespaced_config_map("default").items}


def with_a_node(cluster: Cluster) -> None:
    """Make what the default pool asks of a cluster whose nodes are not the stack's."""
    connect(cluster).create_node({"metadata": {"name": "theirs", "labels": {labels.POOL: "laptop"}}})


class ClusterContract:
    """What every adapter keeps; ``ours`` tells whether the cluster is Sandtable's to stop and to throw away."""

    __test__ = False
    ours: bool

    def test_it_carries_the_name_of_its_environment(self, cluster: Cluster) -> None:
        assert cluster.name == "contract"
        assert cluster.status().name == "contract"

    def test_after_start_it_runs_and_its_kubeconfig_can_be_used(self, cluster: Cluster) -> None:
        cluster.start()
        status = cluster.status()
        assert status.running, status.note
        assert status.context == cluster.context
        connection = connect(cluster)
        assert connection.api_client.configuration.host == status.server
        assert "kube-system" in {item.metadata.name for item in connection.list_namespace().items}

    def test_a_second_start_changes_nothing(self, cluster: Cluster) -> None:
        cluster.start()
        before = cluster.status(), cluster.kubeconfig.read_bytes()
        cluster.start()
        assert (cluster.status(), cluster.kubeconfig.read_bytes()) == before

    def test_stop_keeps_the_data_and_the_next_start_finds_it(self, cluster: Cluster) -> None:
        cluster.start()
        before = keep(cluster)
        cluster.stop()
        assert cluster.status().running is not self.ours
        cluster.stop()
        cluster.start()
        assert before in kept(cluster)

    def test_delete_throws_away_what_is_ours_and_leaves_alone_what_is_not(self, cluster: Cluster) -> None:
        cluster.start()
        before = keep(cluster)
        cluster.delete()
        assert cluster.status().running is not self.ours
        cluster.delete()
        cluster.start()
        assert (before in kept(cluster)) is not self.ours


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = open_cluster(Environment(name="contract"), tmp_path_factory.mktemp("embedded"))
    yield cluster
    cluster.delete()


@pytest.fixture(scope="module")
def behind_a_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("kubeconfig")
    somebodys = EmbeddedCluster("somebodys", root / "somebodys")
    try:
        somebodys.start()
        with_a_node(somebodys)
        settings = ClusterSettings(provider="kubeconfig", kubeconfig=str(somebodys.kubeconfig), context=somebodys.context)
        yield open_cluster(Environment(name="contract", cluster=settings), root)
    finally:
        somebodys.delete()


class TestEmbeddedCluster(ClusterContract):
    __test__ = True
    ours = True

    @pytest.fixture
    def cluster(self, embedded: Cluster) -> Cluster:
        return embedded


@pytest.fixture(scope="module")
def with_a_real_node(real_node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    settings = ClusterSettings(provider="node")
    cluster = open_cluster(Environment(name="contract", cluster=settings), tmp_path_factory.mktemp("node"))
    yield cluster
    cluster.delete()


@pytest.mark.platform
@pytest.mark.timeout(900)
class TestNodeCluster(ClusterContract):
    __test__ = True
    ours = True

    @pytest.fixture
    def cluster(self, with_a_real_node: Cluster) -> Cluster:
        return with_a_real_node


class TestKubeconfigCluster(ClusterContract):
    __test__ = True
    ours = False

    @pytest.fixture
    def cluster(self, behind_a_kubeconfig: Cluster) -> Cluster:
        return behind_a_kubeconfig
