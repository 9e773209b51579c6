"""What each kind of cluster needs, and what is said of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import pytest

from sandtable.jobs.stack.cluster import remarks
from sandtable.jobs.stack.tools import needed_for, needed_for_cluster
from stacks.clusters import ClusterStatus
from stacks.environment import Cluster, Environment
from stacks.errors import ClusterError

Provider = Literal["embedded", "node", "kubeconfig"]


def environment(provider: Provider) -> Environment:
    return Environment(name="dev", cluster=Cluster(provider=provider))


@pytest.fixture
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.usefixtures("_root")
@pytest.mark.parametrize(("provider", "expected"), [("embedded", {"etcd"}), ("node", {"etcd", "kubelet"}), ("kubeconfig", set[str]())])
def test_only_a_cluster_of_that_kind_needs_its_servers(provider: Provider, expected: set[str]) -> None:
    assert set(needed_for_cluster(environment(provider))) & {"etcd", "kubelet"} == expected
    everything = needed_for(environment(provider))
    assert "pulumi" in everything
    assert len(everything) == len(set(everything))


def test_who_cannot_have_a_node_learns_it_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match="needs root"):
        needed_for(environment("node"))
    assert needed_for(environment("embedded"))


@pytest.mark.parametrize(
    ("provider", "real", "played"),
    [
        ("embedded", "control plane", ["Nodes and pods on the embedded cluster"]),
        ("node", "the node with its containers", ["Nodes and pods of pools with GPUs"]),
        ("kubeconfig", "that you named", []),
    ],
)
def test_the_report_says_which_pods_are_played(provider: str, real: str, played: list[str]) -> None:
    status = ClusterStatus("dev", provider, running=True, server=None, nodes_are_played=provider == "embedded")
    cluster: Any = SimpleNamespace(status=lambda: status)
    said = remarks(cluster)
    assert real in said.real[0]
    assert [line for line, words in zip(said.simulated, played, strict=True) if line.startswith(words)] == list(said.simulated)
    assert status.is_ours is (provider != "kubeconfig")
