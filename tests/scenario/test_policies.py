"""The policies as an operator meets them: on the shipped environments, on changes that break them, on other people's manifests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from policies import Assessment, assess
from stacks.environment import Environment
from stacks.environment.file import load, names
from stacks.graph.sources import from_manifests, from_program

ROOT = Path(__file__).parents[2]


@cache
def environment(name: str) -> Environment:
    return load(name, root=ROOT)


@cache
def judged(name: str) -> Assessment:
    return assess(from_program(environment(name)), environment(name))


def changed(name: str, **fields: object) -> Assessment:
    """The assessment of an environment in which some sections differ."""
    other = environment(name).model_copy(update=fields)
    return assess(from_program(other), other)


def denied_by(said: Assessment) -> set[str]:
    return {finding.rule for finding in said.violations}


@pytest.mark.parametrize("name", ["dev", "lab", "staging", "prod", "training"])
def test_a_shipped_environment_breaks_no_rule(name: str) -> None:
    assert [f"{f.rule}: {f.resource}: {f.message}" for f in judged(name).findings if f.waived_by is None] == []


def test_the_shipped_environments_are_those_above() -> None:
    assert names(ROOT) == ["dev", "lab", "prod", "staging", "training"]


def test_in_prod_every_rule_is_judged() -> None:
    # Crossplane fills in the pod of its function from the package's image; that these pods are not known is said.
    assert [str(left_out.reason).split(":")[0] for left_out in judged("prod").not_applicable] == [
        "DeploymentRuntimeConfig function-environment"
    ]


def test_what_needs_the_node_is_waived_with_a_reason_and_shown() -> None:
    waived = [finding for finding in judged("prod").findings if finding.waived_by]
    assert {"DaemonSet falco/falco"} <= {finding.resource for finding in waived}
    assert all(len(finding.waived_by or "") > 10 for finding in waived)


def test_one_serving_replica_in_prod() -> None:
    section = environment("prod").ai_stack.model_copy(update={"replicas": 1, "min_available": None, "autoscaling": None})
    assert denied_by(changed("prod", ai_stack=section)) == {"replicas-in-prod", "disruption-budgets-in-prod"}


def test_a_budget_that_is_too_small() -> None:
    section = environment("prod").budget.model_copy(update={"monthly_usd": 1.0})
    said = changed("prod", budget=section)
    assert denied_by(said) == {"budget-not-exceeded"}
    assert "over the budget of $1.00" in said.violations[0].message


def test_an_instance_type_without_a_price() -> None:
    pools = [pool.model_copy(update={"instance_type": "p9.mega"}) if pool.gpu else pool for pool in environment("prod").node_pools]
    assert "gpu-models-are-priced" in denied_by(changed("prod", node_pools=pools))


def test_a_replica_larger_than_a_node() -> None:
    section = environment("prod").ai_stack
    larger = section.model_copy(update={"resources": section.resources.model_copy(update={"memory_gib": 100_000.0})})
    assert "pods-fit-a-pool" in denied_by(changed("prod", ai_stack=larger))


def test_an_even_number_of_brokers() -> None:
    section = environment("prod").messaging.model_copy(update={"replicas": 2})
    assert "quorum-is-odd" in denied_by(changed("prod", messaging=section))


def test_customer_data_in_a_region_where_it_may_not_lie() -> None:
    regions = [region.model_copy(update={"data_allowed": False}) for region in environment("prod").regions]
    stores = [store.model_copy(update={"customer_data": True}) for store in environment("prod").data_stores]
    assert "data-in-allowed-regions" in denied_by(changed("prod", regions=regions, data_stores=stores))


FOREIGN = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "web:latest", env: [{name: DB_PASSWORD, value: hunter2}]}
"""


def test_other_peoples_manifests_are_judged_without_an_environment(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(FOREIGN)
    said = assess(from_manifests([tmp_path]))
    assert denied_by(said) == {
        "every-namespace-default-deny",
        "images-pinned",
        "namespaces-set-pod-security",
        "no-privilege-escalation",
        "no-secrets-in-environment",
        "requests-and-limits",
        "run-as-non-root",
        "service-account-tokens",
    }
    assert {rule.rule for rule in said.not_applicable} == {
        "autoscalers-keep-two-in-prod",
        "budget-not-exceeded",
        "data-in-allowed-regions",
        "disruption-budgets-in-prod",
        "gpu-models-are-priced",
        "pods-fit-a-pool",
        "replicas-in-prod",
    }
    assert all("hunter2" not in finding.message for finding in said.findings)
