"""Every stack rule on every one of its examples, and on stacks that it cannot judge."""

from __future__ import annotations

import pytest

from policies import assess
from policies.stack import STACK_RULES, StackExample, StackRule
from policies.stack.examples import budget, environment, node, workload
from policies.stack.rule import graph_of
from policies.stack.selection import Disruption, disruption
from stacks.environment import Environment
from stacks.graph.relations.selectors import selects

EXAMPLES = [
    pytest.param(rule, example, example in rule.passing, id=f"{rule.id}: {example.name}")
    for rule in STACK_RULES
    for example in (*rule.passing, *rule.failing)
]
RULES = {rule.id: rule for rule in STACK_RULES}


@pytest.mark.parametrize(("rule", "example", "passes"), EXAMPLES)
def test_an_example_gets_its_verdict(rule: StackRule, example: StackExample, passes: bool) -> None:
    situation = example.situation()
    said = assess(situation.graph, situation.environment, object_rules=(), stack_rules=(rule,))
    assert said.not_applicable == ()
    assert (said.findings == ()) == passes


def only(rule_id: str, *manifests: dict[str, object], env: dict[str, object] | None = None) -> tuple[list[str], list[str]]:
    """Messages and reasons of one rule."""
    known = None if env is None else Environment.model_validate(env)
    said = assess(graph_of(manifests), known, object_rules=(), stack_rules=(RULES[rule_id],))
    return [finding.message for finding in said.findings], [rule.reason for rule in said.not_applicable]


@pytest.mark.parametrize("rule_id", ["budget-not-exceeded", "data-in-allowed-regions"])
def test_without_an_environment_it_is_not_applicable(rule_id: str) -> None:
    assert only(rule_id, node("cpu-0")) == ([], ["it compares with an environment, and none was given"])


def test_a_rule_for_prod_is_not_applicable_elsewhere() -> None:
    engine = workload("Deployment", "engine", replicas=3, role="engine")
    assert only("disruption-budgets-in-prod", engine, env=environment("dev")) == ([], ["it holds in prod only, and dev was given"])
    assert only("disruption-budgets-in-prod", engine) == ([], ["it holds in prod only, and no environment was given"])


@pytest.mark.parametrize("rule_id", ["pods-fit-a-pool", "gpu-models-are-priced"])
def test_plain_manifests_have_no_nodes_to_judge(rule_id: str) -> None:
    assert only(rule_id, workload("Deployment", "web")) == ([], ["the graph has no nodes"])


def test_a_wrong_quantity_in_a_foreign_graph_is_a_finding_and_no_crash() -> None:
    small = node("cpu-0"), workload("Deployment", "web", requests={"cpu": "lots"}), workload("Deployment", "big", requests={"cpu": 99})
    (message,), _ = only("quantities-are-legal", *small)
    assert message == "Deployment app/web, container web, cpu: 'lots' is not a Kubernetes quantity such as 500m, 4, 512Mi or 8Gi"
    (message,), _ = only("pods-fit-a-pool", *small)
    assert message.startswith("a pod asks for 99 CPU"), "the others are judged all the same"
    bad = node("cpu-0", memory="lots")
    (message,), _ = only("pods-fit-a-pool", bad, workload("Deployment", "web"))
    assert message.startswith("cannot be judged: Node cpu-0, annotation sandtable.dev/capacity-memory: 'lots' is not")


def test_a_budget_with_unpriced_nodes_says_at_least() -> None:
    (message,), _ = only(
        "budget-not-exceeded", node("cpu-0"), node("odd-0", pool="odd", instance_type="no-such"), env=environment(budget={"monthly_usd": 1})
    )
    assert message.startswith("the nodes cost at least $248.20 a month")


def test_a_budget_that_the_priced_nodes_keep_names_what_has_no_price() -> None:
    odd = node("odd-0", pool="odd", instance_type="no-such")
    (message,), _ = only("budget-not-exceeded", node("cpu-0"), odd, env=environment(budget={"monthly_usd": 300}))
    assert message.startswith("the cost cannot be compared with the budget of $300.00: it is at least $248.20 a month")
    assert "pool odd, 1 node: " in message
    assert "no-such" in message


def test_an_agent_for_nodes_that_are_not_there_fits() -> None:
    agent = workload("DaemonSet", "gpu-agent", selector={"nvidia.com/gpu.present": "true"})
    assert only("pods-fit-a-pool", node("cpu-0"), agent) == ([], [])


def test_a_node_of_unknown_size_is_neither_too_small_nor_large_enough() -> None:
    unknown = node("cpu-1")
    unknown["metadata"]["annotations"] = {}
    large = workload("Deployment", "web", requests={"cpu": 99})
    said = [], ["Deployment app/web: nodes that admit it do not say what they offer: cpu-1"]
    assert only("pods-fit-a-pool", unknown, large) == said
    assert only("pods-fit-a-pool", unknown, node("cpu-0"), large) == said
    assert only("pods-fit-a-pool", unknown, node("cpu-0"), workload("Deployment", "web", requests={"cpu": 1})) == ([], [])


def test_a_waiver_on_the_resource_keeps_the_finding_and_takes_its_teeth() -> None:
    store = workload("StatefulSet", "store", replicas=4, image="etcd:v3.6.14")
    store["metadata"]["annotations"] = {"sandtable.dev/waiver": "quorum-is-odd: a fifth is being added"}
    said = assess(graph_of([store]), object_rules=(), stack_rules=(RULES["quorum-is-odd"],))
    assert [finding.waived_by for finding in said.findings] == ["a fifth is being added"]
    assert said.violations == ()


@pytest.mark.parametrize(
    ("spec", "replicas", "expected"),
    [
        ({"minAvailable": 2}, 3, Disruption(1, 2)),
        ({"minAvailable": "50%"}, 3, Disruption(1, 2)),
        ({"maxUnavailable": "50%"}, 3, Disruption(2, 1)),
        ({"maxUnavailable": 0}, 3, Disruption(0, 3)),
        ({"minAvailable": 9}, 3, Disruption(0, 3)),
        ({}, 3, Disruption(2, 1)),
    ],
)
def test_what_a_disruption_budget_leaves(spec: dict[str, object], replicas: int, expected: Disruption) -> None:
    (resource,) = graph_of([budget("a", **spec)])
    assert disruption(resource, replicas) == expected


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "a"}}, True),
        ({"matchLabels": {"app": "b"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Like"}]}, False),
    ],
)
def test_selectors(selector: dict[str, object] | None, matches: bool) -> None:
    assert selects(selector, {"app": "a"}) == matches
