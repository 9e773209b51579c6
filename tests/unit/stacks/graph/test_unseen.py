"""What something else makes is told, with the command that renders it."""

from __future__ import annotations

from typing import Any

import pytest

from policies import assess
from policies.findings import EVERY_RULE
from stacks.graph import Graph, Resource
from stacks.graph.sources.unseen import unseen


def of_pulumi(kind: str, name: str = "db", parent: str | None = None, **inputs: Any) -> Resource:
    return Resource(f"urn:pulumi:t::p::{kind}::{name}", kind, name, parent, inputs=inputs)


def of_kubernetes(api_version: str, kind: str) -> Resource:
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "shop", "namespace": "apps"}}
    return Resource(f"urn:{kind}", f"kubernetes:{api_version}:{kind}", "shop", inputs=manifest)


def test_the_objects_of_a_helm_release_are_told_without_its_values() -> None:
    given = {"chart": "postgresql", "version": "15.2.0", "namespace": "data", "repositoryOpts": {"repo": "https://charts.invalid"}}
    (sentence,) = unseen([of_pulumi("kubernetes:helm.sh/v3:Release", values={"auth": {"password": "canary"}}, **given)])
    assert sentence == (
        "the objects of Helm release db are not in this graph; render them with "
        "`helm template db postgresql --namespace data --repo https://charts.invalid --version 15.2.0` and its values "
        "and read them with --manifests"
    )


@pytest.mark.parametrize("known", [{"chart": "[unknown]"}, {"repositoryOpts": "[secret]"}, {}])
def test_a_release_whose_chart_is_not_known_is_told_all_the_same(known: dict[str, Any]) -> None:
    (sentence,) = unseen([of_pulumi("kubernetes:helm.sh/v3:Release", **known)])
    assert "`helm template db CHART`" in sentence


@pytest.mark.parametrize("kind", ["kubernetes:helm.sh/v4:Chart", "kubernetes:yaml/v2:ConfigGroup", "kubernetes:kustomize:Directory"])
def test_a_component_that_unpacks_is_told_only_where_its_objects_are_missing(kind: str) -> None:
    component = of_pulumi(kind)
    assert len([*unseen([component])]) == 1
    assert not [*unseen([component, of_pulumi("kubernetes:core/v1:Namespace", "ns", component.urn)])]


@pytest.mark.parametrize(
    ("api_version", "kind", "told"),
    [
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease", True),
        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", True),
        ("argoproj.io/v1alpha1", "Application", True),
        ("helm.cattle.io/v1", "HelmChart", True),
        ("argoproj.io/v1alpha1", "Workflow", False),
        ("app.k8s.io/v1beta1", "Application", False),
    ],
)
def test_what_a_controller_makes_is_told_by_group_and_kind(api_version: str, kind: str, told: bool) -> None:
    assert len([*unseen([of_kubernetes(api_version, kind)])]) == told


def test_no_rule_judges_what_is_not_seen() -> None:
    said = assess(Graph((), "state", ("the objects of Helm release db are not in this graph",)), object_rules=(), stack_rules=())
    assert [(one.rule, one.reason) for one in said.not_applicable] == [(EVERY_RULE, "the objects of Helm release db are not in this graph")]
