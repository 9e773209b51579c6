"""What is left of a graph when values are not known yet, and what that leaves in doubt."""

from __future__ import annotations

from typing import Any

from policies import assess
from policies.stack import STACK_RULES
from policies.stack.examples import workload
from policies.stack.rule import graph_of
from policies.unknown import REASON, settle
from stacks.graph import UNKNOWN, Graph

RULES = {rule.id: rule for rule in STACK_RULES}


def settled(spec: Any) -> tuple[Any, bool]:
    graph = graph_of([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}])
    found = settle(graph)
    return found.graph.resources[0].spec, bool(found.doubtful)


def test_what_is_known_stays_as_it_is() -> None:
    graph = graph_of([workload("Deployment", "web")])
    found = settle(graph)
    assert found.graph.resources[0] is graph.resources[0]
    assert not found.doubtful


def test_a_container_and_a_variable_are_left_out_alone() -> None:
    containers = [{"name": "a", "image": UNKNOWN}, {"name": "b", "env": [{"name": "X", "value": UNKNOWN}, {"name": "Y", "value": "1"}]}]
    assert settled({"containers": containers}) == ({"containers": [{"name": "b", "env": [{"name": "Y", "value": "1"}]}]}, False)


def test_an_unknown_value_elsewhere_leaves_doubt() -> None:
    assert settled({"nodeSelector": UNKNOWN}) == ({}, True)
    assert settled({"tolerations": [{"key": "a", "value": UNKNOWN}]}) == ({"tolerations": [{"key": "a"}]}, True)
    assert settled({"finalizers": [UNKNOWN, "b"]}) == ({"finalizers": ["b"]}, True)
    assert settled(UNKNOWN) == ({}, True)


def test_a_name_decides_nothing() -> None:
    assert settled({"volumes": [{"name": UNKNOWN}]}) == ({"volumes": [{"name": UNKNOWN}]}, False)


def judged(rule_id: str, graph: Graph) -> tuple[list[str], list[str]]:
    said = assess(graph, object_rules=(), stack_rules=(RULES[rule_id],))
    return [finding.resource for finding in said.findings], [rule.reason for rule in said.not_applicable]


def test_what_decides_about_others_leaves_them_in_doubt() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "app"}}
    spec: dict[str, Any] = {"podSelector": {}, "policyTypes": UNKNOWN}
    assert judged("every-namespace-default-deny", graph_of([namespace])) == (["Namespace app"], [])
    assert judged("every-namespace-default-deny", graph_of([namespace, {**policy, "spec": spec}])) == ([], [f"Namespace app: {REASON}"])


def test_a_resource_in_doubt_says_nothing_about_another() -> None:
    doubtful = workload("StatefulSet", "cache", image="redis:7.4.1")
    doubtful["spec"]["replicas"] = UNKNOWN
    store = workload("StatefulSet", "store", replicas=4, image="etcd:v3.6.14")
    assert judged("quorum-is-odd", graph_of([doubtful, store])) == (["StatefulSet app/store"], [])
