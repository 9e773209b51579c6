"""Rule files: what they may say, what they must not, and the waivers that both evaluators recognise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.objects import CompiledRule
from stacks.admission.rules import KINDS, WITH_PODS, ObjectRule, RuleFileError, load_rule, load_rules, waiver_reason

POD: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}}


def document(**fields: Any) -> dict[str, Any]:
    return {
        "id": "a-rule",
        "title": "t",
        "reason": "r",
        "fix": "f",
        "severity": "deny",
        "kinds": "pods",
        "expression": "variables.containers.size() < 1",
        "message": "m",
        "examples": {"passing": [{"name": "p", "object": POD}], "failing": [{"name": "f", "object": POD}]},
        **fields,
    }


def written(folder: Path, content: Any, name: str = "a-rule.yaml") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_a_complete_file_is_read(tmp_path: Path) -> None:
    rule = load_rule(written(tmp_path, document()))
    assert rule.id == "a-rule"
    assert rule.kinds == WITH_PODS
    assert rule.examples.passing[0].object == POD


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"enviroments": ["prod"]}, "enviroments: unknown key; allowed: id, title, reason"),
        ({"enviroments": ["prod"]}, "did you mean 'environments'?"),
        ({"severity": "block"}, "severity = 'block': input should be 'deny' or 'warn'"),
        ({"kinds": ["Deploymnet"]}, "kinds = ['Deploymnet']: 'Deploymnet' is not one of Pod, Deployment"),
        ({"kinds": ["Deploymnet"]}, "did you mean 'Deployment'?"),
        ({"kinds": []}, "kinds = []: a list of kinds is expected, or the word `pods`"),
        ({"variables": [{"name": "a", "expresion": "1"}]}, "variables[0].expression: is missing"),
        ({"variables": [{"name": "pod", "expression": "1"}]}, "variable 'pod' is given to every rule; choose another name"),
        ({"message": "two\nlines"}, "message = 'two\\nlines'"),
        ({"examples": {"passing": [], "failing": [{"name": "f", "object": POD}]}}, "examples.passing = []"),
        ({"id": "another"}, "id = 'another': a rule's file must be named <id>.yaml"),
        ({"id": "No Spaces"}, "id = 'No Spaces'"),
    ],
)
def test_what_cannot_be_meant_names_file_and_key(tmp_path: Path, changed: dict[str, Any], text: str) -> None:
    path = written(tmp_path, document(**changed))
    with pytest.raises(RuleFileError) as caught:
        load_rule(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert text in str(caught.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    content = document()
    del content["fix"]
    with pytest.raises(RuleFileError, match=r"a-rule\.yaml: fix: is missing"):
        load_rule(written(tmp_path, content))


@pytest.mark.parametrize("content", ["- a list", "a: [", "plain"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(RuleFileError, match=r"a-rule\.yaml"):
        load_rule(written(tmp_path, content))


def test_an_empty_folder_is_an_error_and_not_a_pass(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match="there is no rule file"):
        load_rules(tmp_path)


def test_our_rules_are_ordered_and_named_like_their_files() -> None:
    rules = load_rules()
    assert len(rules) >= 15
    assert [rule.id for rule in rules] == sorted({rule.id for rule in rules})


def rule(**fields: Any) -> ObjectRule:
    return ObjectRule.model_validate(document(**fields))


def test_a_rule_judges_its_kinds_outside_the_clusters_own_namespaces() -> None:
    stores = rule(kinds=["StatefulSet"])
    assert stores.applies_to({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a"}})
    assert not stores.applies_to({"apiVersion": "example.dev/v1", "kind": "StatefulSet", "metadata": {"name": "a"}})
    assert not stores.applies_to({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}})
    assert not stores.applies_to({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a", "namespace": "kube-system"}})
    assert not rule(kinds=["Namespace"]).applies_to({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})


def test_environments_bound_where_a_rule_holds() -> None:
    assert rule().applies_in("dev")
    assert rule(environments=["prod"]).applies_in("prod")
    assert not rule(environments=["prod"]).applies_in("dev")


def test_one_kind_keeps_its_schema_and_several_are_told_apart() -> None:
    single = {variable.name: variable.expression for variable in rule(kinds=["CronJob"]).all_variables}
    assert single["template"] == "object.spec.jobTemplate.spec.template"
    several = {variable.name: variable.expression for variable in rule().all_variables}
    assert 'object.kind == "CronJob" ? dyn(object).spec.jobTemplate.spec.template' in several["template"]
    assert "pod" not in {variable.name for variable in rule(kinds=["Namespace"]).all_variables}


def test_every_kind_with_a_pod_template_is_known() -> None:
    assert set(WITH_PODS) <= set(KINDS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a-rule: read-only", "read-only"),
        ("  a-rule :  spaces  ", "spaces"),
        ("other: x; a-rule: two: colons; last: y", "two: colons"),
        ("other: x\na-rule: own line\n", "own line"),
        ("a-rule:", None),
        ("a-rule:  \n next: line", None),
        ("a-rule", None),
        ("not-a-rule: x", None),
        ("a-rule-2: x", None),
        ("", None),
    ],
)
def test_waivers(text: str, reason: str | None) -> None:
    assert waiver_reason("a-rule", text) == reason


@given(st.text(st.sampled_from("a-rule:;\n \tx"), max_size=30) | st.text(max_size=20))
def test_python_and_cel_see_the_same_waivers(text: str) -> None:
    verdict = CompiledRule(rule(expression="false")).judge({**POD, "metadata": {"annotations": {"sandtable.dev/waiver": text}}})
    assert verdict.admitted == (waiver_reason("a-rule", text) is not None)
