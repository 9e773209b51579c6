"""Every object rule on every one of its examples, and what the evaluator does at the edges."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from policies.errors import RuleExpressionError
from policies.objects import CompiledRule, compile_rules
from stacks.admission.rules import Example, ObjectRule, load_rules

RULES = load_rules()
COMPILED = {compiled.rule.id: compiled for compiled in compile_rules(RULES)}
EXAMPLES = [
    pytest.param(rule, example, example in rule.examples.passing, id=f"{rule.id}: {example.name}")
    for rule in RULES
    for example in (*rule.examples.passing, *rule.examples.failing)
]


@pytest.mark.parametrize(("rule", "example", "passes"), EXAMPLES)
def test_an_example_gets_its_verdict(rule: ObjectRule, example: Example, passes: bool) -> None:
    assert rule.applies_to(example.object)
    verdict = COMPILED[rule.id].judge(example.object)
    assert verdict.admitted == passes
    assert passes or (verdict.message and "\n" not in verdict.message)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize("broken", ["true", "false"])
def test_a_broken_expression_is_caught_by_the_examples(rule: ObjectRule, broken: str) -> None:
    compiled = CompiledRule(rule.model_copy(update={"expression": broken}))
    verdicts = [
        compiled.judge(example.object).admitted == (example in rule.examples.passing)
        for example in (*rule.examples.passing, *rule.examples.failing)
    ]
    assert not all(verdicts)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_can_be_waived_with_a_reason(rule: ObjectRule) -> None:
    manifest = copy.deepcopy(rule.examples.failing[0].object)
    manifest["metadata"]["annotations"] = {"sandtable.dev/waiver": f"other-rule: no; {rule.id}: agreed with the owner"}
    verdict = COMPILED[rule.id].judge(manifest)
    assert verdict.admitted
    assert not verdict.kept
    assert verdict.waived_by == "agreed with the owner"


def test_a_waiver_on_the_pod_template_counts() -> None:
    rule = COMPILED["no-host-paths"].rule
    manifest = copy.deepcopy(rule.examples.failing[0].object)
    manifest["spec"]["template"]["metadata"]["annotations"] = {"sandtable.dev/waiver": "no-host-paths: an agent"}
    assert COMPILED[rule.id].judge(manifest).waived_by == "an agent"


def changed(**fields: Any) -> ObjectRule:
    return RULES[0].model_copy(update=fields)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"expression": "variables.asks == "}, "expression, line 1, column 19: Syntax error"),
        ({"expression": "true &&\n  objct.spec"}, "expression, line 2, column 8: undeclared reference to 'objct.spec'"),
        ({"expression": 'quantity("1Gi") == 1'}, "undeclared reference to 'quantity'"),
        ({"expression": 'true && "text"'}, "found no matching overload"),
        ({"messageExpression": "1 +"}, "messageExpression, line 1"),
    ],
)
def test_bad_cel_names_file_key_and_position(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(RuleExpressionError) as caught:
        CompiledRule(changed(**fields))
    assert str(caught.value).startswith(f"policies/admission/{RULES[0].id}.yaml: ")
    assert text in str(caught.value)


def test_bad_cel_in_a_variable_names_the_variable() -> None:
    first, *rest = RULES[0].variables
    with pytest.raises(RuleExpressionError, match=f"variables.{first.name}, line 1"):
        CompiledRule(changed(variables=(first.model_copy(update={"expression": "["}), *rest)))


def test_what_cannot_be_evaluated_is_a_breach_that_says_so() -> None:
    verdict = COMPILED["no-host-paths"].judge(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": "[unknown]"}
    )
    assert not verdict.admitted
    assert "cannot be judged" in verdict.message


def test_an_unusable_message_falls_back_to_the_plain_one() -> None:
    rule = next(rule for rule in RULES if rule.messageExpression)
    for expression in ('"  "', '"two\\nlines"', "object.nothing.here"):
        verdict = CompiledRule(rule.model_copy(update={"messageExpression": expression})).judge(rule.examples.failing[0].object)
        assert verdict.message == rule.message


def test_ephemeral_containers_are_judged_with_the_others() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {
            "containers": [{"name": "web", "image": "web:1.4.2", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}],
            "ephemeralContainers": [{"name": "debug", "image": "tools:latest", "securityContext": {"privileged": True}}],
        },
    }
    assert COMPILED["images-pinned"].judge(pod).message == "not pinned: tools:latest"
    assert COMPILED["no-privileged-pods"].judge(pod).message == "privileged containers: debug"
    assert COMPILED["requests-and-limits"].judge(pod).kept, "Kubernetes lets them have no resources"


@pytest.mark.parametrize("kind", ["ReplicationController", "PodTemplate"])
def test_no_kind_with_a_pod_template_escapes(kind: str) -> None:
    template = {"spec": {"containers": [{"name": "web", "image": "web:latest"}]}}
    place = {"template": template} if kind == "PodTemplate" else {"spec": {"template": template}}
    manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "web"}, **place}
    compiled = COMPILED["images-pinned"]
    assert compiled.rule.applies_to(manifest)
    assert compiled.judge(manifest).message == "not pinned: web:latest"
