"""What the admission component declares, without an engine."""

from __future__ import annotations

import sys
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from stacks.admission.rules import EXEMPT_NAMESPACES, load_rules
from stacks.components.security.admission import PolicyAdmission
from stacks.environment import Admission, Environment
from stacks.graph.sources import from_program

RULES = {rule.id: rule for rule in load_rules()}


@cache
def declared(name: str = "prod", mode: str = "deny") -> tuple[dict[str, Any], dict[str, Any]]:
    """The policies and the bindings of an environment, by rule."""
    environment = Environment.model_validate({"name": name, "admission": {"mode": mode}})
    with pytest.MonkeyPatch.context() as patch:
        program = SimpleNamespace(program=lambda env: PolicyAdmission("policy-admission", environment=env))
        patch.setitem(sys.modules, "stacks.program", program)
        graph = from_program(environment)
    policies, bindings = (
        {r.object_name.removeprefix("sandtable-"): r.inputs["spec"] for r in graph.objects(kind)}
        for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    )
    return policies, bindings


def test_every_rule_that_holds_has_a_policy_and_a_binding_to_it() -> None:
    policies, bindings = declared()
    assert set(policies) == set(bindings) == set(RULES)
    assert all(binding["policyName"] == f"sandtable-{rule}" for rule, binding in bindings.items())


def test_a_rule_of_another_environment_is_not_there() -> None:
    policies, bindings = declared("dev")
    assert set(RULES) - set(policies) == set(RULES) - set(bindings) == {"replicas-in-prod"}


def test_a_policy_is_the_rule_and_fails_closed() -> None:
    policies, _ = declared()
    for rule, spec in policies.items():
        assert spec["failurePolicy"] == "Fail"
        (validation,) = spec["validations"]
        assert validation["expression"] == RULES[rule].admission_expression
        assert [variable["name"] for variable in spec["variables"]] == [variable.name for variable in RULES[rule].all_variables]
        (selector,) = spec["matchConstraints"]["namespaceSelector"]["matchExpressions"]
        assert selector == {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(EXEMPT_NAMESPACES)}


def test_a_pod_rule_matches_every_kind_with_pods() -> None:
    policies, _ = declared()
    rules = policies["no-privileged-pods"]["matchConstraints"]["resourceRules"]
    assert {(r["apiGroups"][0], *r["resources"]) for r in rules} == {
        ("", "pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates"),
        ("apps", "deployments", "statefulsets", "daemonsets", "replicasets"),
        ("batch", "jobs", "cronjobs"),
    }


@pytest.mark.parametrize(
    ("mode", "denying", "warning"), [("deny", ["Deny"], ["Warn"]), ("warn", ["Warn"], ["Warn"]), ("audit", ["Audit"], ["Audit"])]
)
def test_the_mode_of_the_environment_and_the_severity_of_the_rule(mode: str, denying: list[str], warning: list[str]) -> None:
    _, bindings = declared(mode=mode)
    assert bindings["no-privileged-pods"]["validationActions"] == denying
    assert bindings["readiness-probes"]["validationActions"] == warning


def test_the_default_is_to_deny() -> None:
    assert Admission().mode == "deny"
    _, bindings = declared()
    assert {rule for rule, spec in bindings.items() if spec["validationActions"] == ["Deny"]} == {
        rule.id for rule in RULES.values() if rule.severity == "deny"
    }
