"""The policy pack without an engine: the same verdicts, behind the proxies and the floats that the engine hands over."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import _NotApplicableError as NotApplicable
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.crossguard.pack import environment_of, policies
from policies.stack import STACK_RULES, StackExample, StackRule
from stacks.environment import Environment
from stacks.rules import Example, ObjectRule, load_rules

PROD = Environment(name="prod")
PACK = {policy.name: policy for policy in policies(PROD)}
OBJECT_EXAMPLES = [
    pytest.param(rule, example, example in rule.examples.passing, id=f"{rule.id}: {example.name}")
    for rule in load_rules()
    for example in (*rule.examples.passing, *rule.examples.failing)
]


def as_the_engine_says(value: Any) -> Any:
    """Every number becomes a float, as it does on the way through protobuf."""
    if isinstance(value, dict):
        return {key: as_the_engine_says(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_the_engine_says(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def of_resource(policy: Policy, manifest: dict[str, Any], urn: str = "urn:example") -> list[str] | str:
    """The violations, or the reason why it is not applicable."""
    assert isinstance(policy, ResourceValidationPolicy)
    props = unknown_checking_proxy(as_the_engine_says(copy.deepcopy(manifest)))
    args = ResourceValidationArgs(f"kubernetes:{manifest['kind']}", props, urn, "example", None, None)
    found: list[str] = []
    try:
        policy.validate(args, lambda message, _urn=None: found.append(message))
    except NotApplicable as reason:
        return str(reason.reason)
    return found


def of_stack(policy: Policy, manifests: list[dict[str, Any]]) -> list[tuple[str, str | None]] | str:
    assert isinstance(policy, StackValidationPolicy)
    resources = [
        PolicyResource(
            f"kubernetes:{m['kind']}",
            unknown_checking_proxy(as_the_engine_says(copy.deepcopy(m))),
            f"urn:{i}",
            str(i),
            None,
            None,
            None,
            [],
            {},
        )
        for i, m in enumerate(manifests)
    ]
    found: list[tuple[str, str | None]] = []
    try:
        policy.validate(StackValidationArgs(resources), lambda message, urn=None: found.append((message, urn)))
    except NotApplicable as reason:
        return str(reason.reason)
    return found


def test_every_rule_is_a_policy() -> None:
    assert sorted(PACK) == sorted([rule.id for rule in load_rules()] + [rule.id for rule in STACK_RULES])
    assert PACK["no-privileged-pods"].enforcement_level is EnforcementLevel.MANDATORY
    assert PACK["readiness-probes"].enforcement_level is EnforcementLevel.ADVISORY


@pytest.mark.parametrize(("rule", "example", "passes"), OBJECT_EXAMPLES)
def test_an_object_example_gets_its_verdict(rule: ObjectRule, example: Example, passes: bool) -> None:
    said = of_resource(PACK[rule.id], example.object)
    assert passes == (said == [] or isinstance(said, str))
    if not passes:
        assert rule.fix in said[0]


@pytest.mark.parametrize(
    ("rule", "example", "passes"),
    [
        pytest.param(rule, example, example in rule.passing, id=f"{rule.id}: {example.name}")
        for rule in STACK_RULES
        for example in (*rule.passing, *rule.failing)
    ],
)
def test_a_stack_example_gets_its_verdict(rule: StackRule, example: StackExample, passes: bool) -> None:
    environment = example.situation().environment
    policy = next(policy for policy in policies(environment) if policy.name == rule.id)
    assert (of_stack(policy, [dict(manifest) for manifest in example.manifests]) == []) == passes


def test_a_waived_breach_is_not_applicable_with_its_reason() -> None:
    manifest = copy.deepcopy(next(rule for rule in load_rules() if rule.id == "no-host-paths").examples.failing[0].object)
    manifest["metadata"]["annotations"] = {"sandtable.dev/waiver": "no-host-paths: an agent"}
    assert of_resource(PACK["no-host-paths"], manifest) == "waived on DaemonSet build-agent: an agent"


def test_a_rule_over_the_stack_judges_what_was_asked_for_not_what_the_cluster_has_made_of_it() -> None:
    """A node that has just been made carries a taint for a moment, and no pod of ours tolerates that."""
    rule = next(rule for rule in STACK_RULES if rule.id == "pods-fit-a-pool")
    pack = {policy.name: policy for policy in policies(rule.passing[0].situation().environment)}
    asked_for = [copy.deepcopy(dict(manifest)) for manifest in rule.passing[0].manifests]
    live = copy.deepcopy(asked_for)
    for manifest in live:
        if manifest["kind"] == "Node":
            manifest.setdefault("spec", {})["taints"] = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
    assert of_stack(pack[rule.id], live) != []
    for number, manifest in enumerate(asked_for):
        of_resource(pack["images-pinned"], manifest, f"urn:{number}")
    assert of_stack(pack[rule.id], live) == []


def test_a_value_that_is_not_known_yet_does_not_stop_the_policy() -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": UNKNOWN_STRING_VALUE},
        "spec": {"containers": [{"name": "a", "image": UNKNOWN_STRING_VALUE, "command": [UNKNOWN_STRING_VALUE]}]},
    }
    (message,) = of_resource(PACK["images-pinned"], manifest)
    assert "not pinned: [unknown]" in message


def test_the_environment_comes_from_the_stacks_configuration() -> None:
    config = {"sandtable:owner": "team-a", "sandtable:budget": '{"monthly_usd": 5}', "sandtable:gateway_token": "s3cret", "aws:region": "x"}
    environment = environment_of("prod", config)
    assert environment is not None
    assert (environment.name, environment.owner, environment.budget.monthly_usd) == ("prod", "team-a", 5)


def test_a_foreign_stack_has_no_environment() -> None:
    assert environment_of("prod", {"aws:region": "x"}) is None
    policy = next(policy for policy in policies(None) if policy.name == "budget-not-exceeded")
    assert of_stack(policy, []) == "it compares with an environment, and none was given"
