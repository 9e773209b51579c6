"""Which traffic NetworkPolicies allow: the cases of the Kubernetes documentation, and two laws."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stacks.graph import Graph, Resource
from stacks.graph.relations.flows import Endpoint, allows

CLIENT = Endpoint("ai", {"app": "client"}, "10.0.1.1")
STORE = Endpoint("data", {"app": "store"}, "10.0.2.1")
OTHER = Endpoint("data", {"app": "other"}, "10.0.3.1")


def policy(namespace: str, pods: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"policy-{namespace}-{sorted(spec)}-{pods}", "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": pods} if pods else {}, **spec},
    }


def graph(*policies: dict[str, Any]) -> Graph:
    return Graph.of([Resource(f"urn:{index}", "kubernetes", str(index), inputs=one) for index, one in enumerate(policies)], "test")


def denies(namespace: str) -> dict[str, Any]:
    return policy(namespace, policyTypes=["Ingress", "Egress"])


def namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


INTO = policy("data", {"app": "store"}, policyTypes=["Ingress"], ingress=[{"from": [namespace("ai")], "ports": [{"port": 5432}]}])
OUT = policy("ai", {"app": "client"}, policyTypes=["Egress"], egress=[{"to": [namespace("data")], "ports": [{"port": 5432}]}])


def test_without_a_policy_everything_is_allowed() -> None:
    assert allows(graph(), CLIENT, STORE, 5432)


def test_with_default_deny_a_flow_needs_a_permission_at_either_end() -> None:
    both = denies("ai"), denies("data")
    assert not allows(graph(*both), CLIENT, STORE, 5432)
    assert not allows(graph(*both, INTO), CLIENT, STORE, 5432)
    assert not allows(graph(*both, OUT), CLIENT, STORE, 5432)
    assert allows(graph(*both, INTO, OUT), CLIENT, STORE, 5432)


def test_ports_pods_namespaces_and_directions_count() -> None:
    all_of_it = graph(denies("ai"), denies("data"), INTO, OUT)
    assert not allows(all_of_it, CLIENT, STORE, 5433)
    assert not allows(all_of_it, CLIENT, OTHER, 5432)
    assert not allows(all_of_it, STORE, CLIENT, 5432)
    assert not allows(all_of_it, CLIENT, STORE, 5432, "UDP")
    assert not allows(all_of_it, Endpoint("web", {"app": "client"}), STORE, 5432)


def test_a_range_of_ports_includes_both_ends() -> None:
    ranged = graph(policy("data", policyTypes=["Ingress"], ingress=[{"ports": [{"port": 9000, "endPort": 9002}]}]))
    assert [allows(ranged, CLIENT, STORE, port) for port in (8999, 9000, 9002, 9003)] == [False, True, True, False]


def test_a_pod_selector_alone_means_the_policy_s_own_namespace() -> None:
    own = graph(policy("data", policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {}}]}]))
    assert allows(own, OTHER, STORE, 80)
    assert not allows(own, CLIENT, STORE, 80)


def test_a_block_of_addresses_has_exceptions() -> None:
    block = {"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.3.0/24"]}}
    blocked = graph(policy("data", policyTypes=["Ingress"], ingress=[{"from": [block]}]))
    assert allows(blocked, CLIENT, STORE, 80)
    assert not allows(blocked, OTHER, STORE, 80)


def test_without_types_a_policy_is_about_what_comes_in() -> None:
    assert not allows(graph(policy("data")), CLIENT, STORE, 80)
    assert allows(graph(policy("data")), STORE, CLIENT, 80)


POLICIES = st.lists(st.sampled_from([denies("ai"), denies("data"), INTO, OUT, policy("data", ingress=[{}])]), unique_by=str)
PODS = st.sampled_from([CLIENT, STORE, OTHER])


@given(POLICIES, PODS, PODS, st.sampled_from([80, 5432]))
def test_the_order_of_policies_does_not_matter(policies: list[dict[str, Any]], source: Endpoint, target: Endpoint, port: int) -> None:
    assert allows(graph(*policies), source, target, port) == allows(graph(*reversed(policies)), source, target, port)


@given(POLICIES, PODS, PODS)
def test_where_both_are_isolated_a_further_policy_only_adds(policies: list[dict[str, Any]], source: Endpoint, target: Endpoint) -> None:
    isolated = denies("ai"), denies("data")
    if allows(graph(*isolated, *policies), source, target, 5432):
        assert allows(graph(*isolated, *policies, INTO, OUT), source, target, 5432)
