"""What is left of a graph when values are not known yet, and what that leaves in doubt."""

from __future__ import annotations

from typing import Any

import pytest

from policies import assess
from policies.stack import STACK_RULES
from policies.stack.examples import workload
from policies.stack.rule import graph_of
from policies.unknown import REASON, Known, known_to, settle
from stacks.graph import SECRET, UNKNOWN, Graph

RULES = {rule.id: rule for rule in STACK_RULES}


def known(spec: Any, *words: str) -> Known:
    found = known_to({"spec", "containers", *words}, {"spec": spec})
    return Known(found.inputs.get("spec", {}), found.doubtful, found.partly)


def test_what_is_known_stays_as_it_is() -> None:
    graph = graph_of([workload("Deployment", "web")])
    assert settle(graph).graph is graph
    assert known_to({"spec"}, graph.resources[0].inputs).inputs is graph.resources[0].inputs


def test_a_container_and_a_variable_are_left_out_alone() -> None:
    containers = [{"name": "a", "image": UNKNOWN}, {"name": "b", "env": [{"name": "X", "value": UNKNOWN}, {"name": "Y", "value": "1"}]}]
    rest = {"containers": [{"name": "b", "env": [{"name": "Y", "value": "1"}]}]}
    assert known({"containers": containers}, "image", "env", "value") == Known(rest, partly=True)


def test_an_unknown_value_elsewhere_leaves_doubt() -> None:
    assert known({"nodeSelector": UNKNOWN}, "nodeSelector") == Known({}, doubtful=True)
    assert known({"nodeSelector": {"pool": UNKNOWN}}, "nodeSelector") == Known({"nodeSelector": {}}, doubtful=True)
    assert known({"tolerations": [{"key": "a", "value": SECRET}]}, "value") == Known({"tolerations": [{"key": "a"}]}, doubtful=True)
    assert known({"finalizers": [UNKNOWN, "b"]}, "finalizers") == Known({"finalizers": ["b"]}, doubtful=True)
    assert known(UNKNOWN) == Known({}, doubtful=True)


def test_what_a_rule_does_not_ask_for_leaves_no_doubt() -> None:
    container = {"name": "a", "resources": SECRET, "image": "a:1.0"}
    assert known({"containers": [container], "nodeSelector": UNKNOWN}, "image") == Known({"containers": [{"name": "a", "image": "a:1.0"}]})


def test_a_name_decides_nothing() -> None:
    assert known({"volumes": [{"name": UNKNOWN}]}, "name") == Known({"volumes": [{"name": UNKNOWN}]})


def test_a_secret_that_stands_where_it_can_be_read_is_a_text() -> None:
    container = {"args": [SECRET], "env": [{"name": "A", "value": SECRET}]}
    assert known({"containers": [container]}, "args", "env", "value") == Known({"containers": [container]})
    assert known({"containers": [{"args": SECRET}]}, "args") == Known({"containers": []}, partly=True)


def test_asking_for_what_is_known_is_not_asking() -> None:
    pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}
    settled = settle(graph_of([{**pod, "spec": {"hostname": "h", "nodeName": UNKNOWN, "containers": [{"name": "a", "image": UNKNOWN}]}}]))
    (resource,) = settled.graph
    assert (resource.spec["hostname"], resource.label, resource.spec.get("priority") or 5) == ("h", "Pod a", 5)
    assert (settled.doubtful, settled.partly) == (set(), set())
    assert list(resource.containers()) == []
    assert (settled.doubtful, settled.partly) == (set(), {resource.urn})
    assert resource.spec.get("nodeName") is None
    assert settled.doubtful == {resource.urn}
    settled.forget()
    assert (settled.doubtful, settled.partly) == (set(), set())


@pytest.mark.parametrize(
    "ask", [lambda m: "b" in m, lambda m: m["a"] if "b" in m else 0, lambda m: {**m}, list, len, lambda m: m.items(), lambda m: m.values()]
)
def test_every_way_of_asking_is_seen(ask: Any) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "x", "b": UNKNOWN}}
    settled = settle(graph_of([config]))
    (resource,) = settled.graph
    ask(resource.inputs["data"])
    assert settled.doubtful == {resource.urn}


def judged(rule_id: str, graph: Graph) -> tuple[list[str], list[str]]:
    said = assess(graph, object_rules=(), stack_rules=(RULES[rule_id],))
    return [finding.resource for finding in said.findings], [rule.reason for rule in said.not_applicable]


def test_what_decides_about_others_leaves_them_in_doubt() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "app"}}
    spec: dict[str, Any] = {"podSelector": {}, "policyTypes": UNKNOWN}
    assert judged("every-namespace-default-deny", graph_of([namespace])) == (["Namespace app"], [])
    assert judged("every-namespace-default-deny", graph_of([namespace, {**policy, "spec": spec}])) == (
        [],
        [f"Namespace app: {REASON}", f"NetworkPolicy app/deny: {REASON}"],
    )


def test_a_resource_in_doubt_says_nothing_about_another() -> None:
    doubtful = workload("StatefulSet", "cache", image="redis:7.4.1")
    doubtful["spec"]["replicas"] = UNKNOWN
    store = workload("StatefulSet", "store", replicas=4, image="etcd:v3.6.14")
    assert judged("quorum-is-odd", graph_of([doubtful, store])) == (["StatefulSet app/store"], [f"StatefulSet app/cache: {REASON}"])


def test_what_is_not_known_does_not_pass() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostNetwork": UNKNOWN, "containers": []}}
    said = assess(graph_of([pod]), stack_rules=())
    assert [rule.reason for rule in said.not_applicable if rule.rule == "no-host-namespaces"] == [f"Pod a: {REASON}"]
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": SECRET}
    assert judged("no-secrets-in-config-maps", graph_of([data])) == ([], [f"ConfigMap a: {REASON}"])
