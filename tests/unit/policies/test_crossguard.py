"""The policy pack without an engine: the same verdicts, behind the proxies and the floats that the engine hands over."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import pulumi_policy.policy
import pytest
from pulumi.runtime.proto.analyzer_pb2 import AnalyzerStackConfigureRequest
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

from policies.crossguard.pack import policies
from policies.crossguard.stack import Stack, environment_of, listen
from policies.stack import STACK_RULES, StackExample, StackRule
from policies.stack.examples import workload
from stacks.admission.rules import Example, ObjectRule, load_rules
from stacks.environment import Environment
from stacks.errors import ConfigurationError
from stacks.pricing.prices import BUNDLED, PriceBookError

PROD = Environment(name="prod")
PACK = {policy.name: policy for policy in policies(Stack(PROD))}
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
    policy = next(policy for policy in policies(Stack(environment)) if policy.name == rule.id)
    assert (of_stack(policy, [dict(manifest) for manifest in example.manifests]) == []) == passes


def test_a_waived_breach_is_not_applicable_with_its_reason() -> None:
    manifest = copy.deepcopy(next(rule for rule in load_rules() if rule.id == "no-host-paths").examples.failing[0].object)
    manifest["metadata"]["annotations"] = {"sandtable.dev/waiver": "no-host-paths: an agent"}
    assert of_resource(PACK["no-host-paths"], manifest) == "waived on DaemonSet build-agent: an agent"


def test_a_rule_over_the_stack_judges_what_was_asked_for_not_what_the_cluster_has_made_of_it() -> None:
    """A node that has just been made carries a taint for a moment, and no pod of ours tolerates that."""
    rule = next(rule for rule in STACK_RULES if rule.id == "pods-fit-a-pool")
    pack = {policy.name: policy for policy in policies(Stack(rule.passing[0].situation().environment))}
    asked_for = [copy.deepcopy(dict(manifest)) for manifest in rule.passing[0].manifests]
    live = copy.deepcopy(asked_for)
    for manifest in live:
        if manifest["kind"] == "Node":
            manifest.setdefault("spec", {})["taints"] = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
    assert of_stack(pack[rule.id], live) != []
    for number, manifest in enumerate(asked_for):
        of_resource(pack["images-pinned"], manifest, f"urn:{number}")
    assert of_stack(pack[rule.id], live) == []


def unknown_pod(**container: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": UNKNOWN_STRING_VALUE}, "spec": {"containers": [container]}}


def test_a_breach_that_depends_on_a_value_not_known_yet_is_not_judged() -> None:
    pod = unknown_pod(name="a", image=UNKNOWN_STRING_VALUE)
    assert of_resource(PACK["images-pinned"], pod) == "Pod [unknown]: a value is not known before the deployment"
    pod["spec"]["containers"].append({"name": "b", "image": "b:latest"})
    assert "not pinned: b:latest" in of_resource(PACK["images-pinned"], pod)[0]


def test_a_breach_beside_a_value_not_known_yet_counts() -> None:
    pod = unknown_pod(
        name="a", image="a:1.4.2", env=[{"name": "HOST", "value": UNKNOWN_STRING_VALUE}], securityContext={"privileged": True}
    )
    assert "privileged containers: a" in of_resource(PACK["no-privileged-pods"], pod)[0]


def test_a_rule_over_the_stack_does_not_stumble_over_a_value_not_known_yet() -> None:
    engine = workload("Deployment", "engine", role="engine")
    engine["spec"]["replicas"] = UNKNOWN_STRING_VALUE
    reason = "Deployment app/engine: a value is not known before the deployment"
    assert of_stack(PACK["disruption-budgets-in-prod"], [engine]) == reason
    assert of_resource(PACK["replicas-in-prod"], engine) == reason


def test_a_malformed_object_is_told_in_one_line() -> None:
    engine = workload("Deployment", "engine", role="engine")
    engine["spec"]["replicas"] = "many"
    ((message, _),) = of_stack(PACK["disruption-budgets-in-prod"], [engine])
    assert message.startswith("cannot be judged: 0: Deployment app/engine: `spec.replicas` is 'many'")


def test_the_environment_comes_from_the_stacks_configuration() -> None:
    config = {"sandtable:owner": "team-a", "sandtable:budget": '{"monthly_usd": 5}', "sandtable:gateway_token": "s3cret", "aws:region": "x"}
    environment = environment_of("prod", config)
    assert environment is not None
    assert (environment.name, environment.owner, environment.budget.monthly_usd) == ("prod", "team-a", 5)


def test_a_foreign_stack_has_no_environment() -> None:
    assert environment_of("prod", {"aws:region": "x"}) is None
    policy = next(policy for policy in policies(Stack()) if policy.name == "budget-not-exceeded")
    assert of_stack(policy, []) == "it compares with an environment, and none was given"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"sandtable:buget": '{"monthly_usd": 5}'}, "Pulumi.prod.yaml: buget: unknown key; allowed: "),
        ({"sandtable:buget": '{"monthly_usd": 5}'}, "did you mean 'budget'?"),
        ({"sandtable:budget": '{"monthly_usd": "many"}'}, "Pulumi.prod.yaml: budget.monthly_usd = 'many': "),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused_in_one_line(config: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        environment_of("prod", config)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_price_book_lies_in_the_programs_folder(tmp_path: Path) -> None:
    stack = Stack()
    config = {"sandtable:budget": '{"monthly_usd": 5, "price_book": "prices.csv"}'}
    with pytest.raises(PriceBookError, match=re.escape(str(tmp_path / "prices.csv"))):
        stack.configure("prod", config, tmp_path)
    shutil.copy(BUNDLED, tmp_path / "prices.csv")
    stack.configure("prod", config, tmp_path)
    assert stack.price_book is not None
    assert stack.price_book.name == str(tmp_path / "prices.csv")


def test_the_engine_tells_the_stack_after_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servicer := pulumi_policy.policy._PolicyAnalyzerServicer, "ConfigureStack", servicer.ConfigureStack)
    stack = Stack()
    pack = {policy.name: policy for policy in policies(stack)}
    nodes = [dict(manifest) for manifest in next(rule for rule in STACK_RULES if rule.id == "budget-not-exceeded").failing[0].manifests]
    assert of_stack(pack["budget-not-exceeded"], nodes) == "it compares with an environment, and none was given"
    listen(stack)
    served = servicer("pack", "0.1.0", list(pack.values()), EnforcementLevel.MANDATORY)
    served.ConfigureStack(AnalyzerStackConfigureRequest(stack="prod", config={"sandtable:budget": '{"monthly_usd": 1}'}), None)
    ((message, _),) = of_stack(pack["budget-not-exceeded"], nodes)
    assert "over the budget of $1.00" in message
