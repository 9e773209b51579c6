"""All rules together: order, waivers, what is left out, and the JSON."""

from __future__ import annotations

import random
from typing import Any

from policies import assess, check
from policies.stack import STACK_RULES
from policies.stack.examples import workload
from policies.stack.rule import graph_of
from stacks.admission.rules import load_rules
from stacks.environment import Environment
from stacks.graph import Graph

PRIVILEGED = {"securityContext": {"privileged": True}}


def privileged(name: str, waiver: str | None = None) -> dict[str, Any]:
    manifest = workload("Deployment", name)
    manifest["spec"]["template"]["spec"]["containers"][0] |= PRIVILEGED
    if waiver:
        manifest["metadata"]["annotations"] = {"sandtable.dev/waiver": waiver}
    return manifest


def test_an_empty_graph_has_no_findings_and_says_what_was_not_judged() -> None:
    said = assess(Graph((), "nothing"))
    assert said.findings == ()
    assert {rule.rule for rule in said.not_applicable} >= {"budget-not-exceeded", "every-namespace-default-deny", "replicas-in-prod"}
    assert {*said.rules, *(rule.rule for rule in said.not_applicable)} == {
        *(rule.id for rule in load_rules()),
        *(rule.id for rule in STACK_RULES),
    }


def test_an_empty_graph_in_prod() -> None:
    assert check(Graph((), "nothing"), Environment(name="prod")) == []


def test_the_order_does_not_depend_on_the_order_of_the_manifests() -> None:
    manifests = [privileged("b"), privileged("a"), privileged("c", "no-privileged-pods: a driver")]
    expected = check(graph_of(manifests))
    shuffled = manifests[:]
    for seed in range(5):
        random.Random(seed).shuffle(shuffled)
        assert check(graph_of(shuffled)) == expected


def test_what_denies_comes_first_and_what_is_waived_last() -> None:
    findings = check(graph_of([privileged("c", "no-privileged-pods: a driver"), privileged("a")]))
    assert findings[0].denies
    assert [finding.severity for finding in findings if not finding.waived_by] == sorted(
        finding.severity for finding in findings if not finding.waived_by
    )
    assert findings[-1].waived_by == "a driver"
    assert findings[-1].resource == "Deployment app/c"


def test_a_waived_finding_is_no_violation() -> None:
    said = assess(graph_of([privileged("c", "no-privileged-pods: a driver")]))
    assert "no-privileged-pods" not in {finding.rule for finding in said.violations}
    assert "no-privileged-pods" in {finding.rule for finding in said.findings}


def test_a_rule_for_prod_judges_prod_only() -> None:
    engine = workload("Deployment", "engine", role="engine")
    for name, found in (("prod", True), ("staging", False)):
        rules = {finding.rule for finding in check(graph_of([engine]), Environment(name=name))}
        assert ("replicas-in-prod" in rules) == found
