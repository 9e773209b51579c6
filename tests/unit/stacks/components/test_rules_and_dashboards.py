"""Alert rules and dashboards: every expression reads series that somebody exposes, and objectives are the environment's thresholds."""

from __future__ import annotations

import itertools
import json
import re
from functools import cache
from typing import Any

import pytest

from stacks.components.telemetry.dashboards import contents, dashboard
from stacks.components.telemetry.prometheus import configuration
from stacks.components.telemetry.rules import BURN_RATES, WINDOWS, platform_groups, slo_groups
from stacks.environment import Environment
from workloads.telemetry.series import SERIES, TOKEN_SECONDS

#: Words of PromQL, and labels.
WORDS = {"sum", "rate", "count", "min", "max", "by", "and", "or", "vector", "histogram_quantile", "le", "pod", "gpu", "Hostname"}
WORDS |= {"rule_name", "k8s_pod_name", "avg", "avg_over_time", "bool", "time"}


@cache
def environment() -> Environment:
    pool = {"name": "laptop", "region": "local", "instance_type": "laptop", "vcpu_per_node": 8, "memory_gib_per_node": 32}
    gpu = {**pool, "name": "gpu", "gpu": {"model": "L4", "per_node": 1}}
    return Environment.model_validate(
        {"name": "test", "node_pools": [pool, gpu], "thresholds": ["p95_tpot_ms < 50", "failed_share < 0.001", "p95_e2e_ms < 5000"]}
    )


def rules(which: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for group in which for rule in group["rules"]]


def series(expression: str) -> set[str]:
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", expression)
    return {word for word in re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare) if word not in WORDS}


ALERTS = rules(slo_groups(environment())) + rules(platform_groups(environment()))
RECORDED = {rule["record"] for rule in ALERTS if "record" in rule}
PANELS = [panel for panels in contents(environment()).values() for panel in panels]


@pytest.mark.parametrize("expression", [r["expr"] for r in ALERTS] + [e for p in PANELS for e in p.expressions.values()])
def test_an_expression_reads_only_series_that_are_exposed(expression: str) -> None:
    assert series(expression)
    assert series(expression) <= set(SERIES) | RECORDED


def test_every_window_of_an_alert_is_recorded() -> None:
    assert {window for _, long, short, _ in BURN_RATES for window in (long, short)} == set(WINDOWS)


def test_the_error_budget_is_the_environments_own() -> None:
    page = next(rule for rule in ALERTS if rule.get("alert") == "UnavailableBudgetBurn1h")
    assert page["expr"] == "sandtable:unavailable:ratio_rate1h > 0.0144 and sandtable:unavailable:ratio_rate5m > 0.0144"
    assert page["labels"]["severity"] == "page"


def test_what_the_engine_is_said_to_expose_it_exposes() -> None:
    """The names as a running engine shows them at ``/metrics`` (llama.cpp, xllamacpp's server)."""
    shown = {
        *("prompt_tokens_total", "prompt_tokens_cached_total", "prompt_seconds_total"),
        *("tokens_predicted_total", "tokens_predicted_seconds_total", "n_decode_total", "n_tokens_max"),
        *("prompt_tokens_seconds", "predicted_tokens_seconds"),
        *("requests_processing", "requests_deferred", "n_busy_slots_per_decode"),
    }
    claimed = {name for name, exposer in SERIES.items() if exposer == "engine"}
    assert claimed <= {f"llamacpp:{name}" for name in shown}


def test_no_alert_waits_for_a_series_that_nothing_exposes_yet() -> None:
    assert not [name for name in SERIES if name.startswith("gen_ai_")]


def test_late_tokens_are_an_objective_only_where_a_threshold_says_how_late() -> None:
    objectives = {group["name"] for group in slo_groups(environment())}
    assert objectives == {"engines", "slo-unavailable", "slo-waiting", "slo-slow_tokens"}
    silent = {group["name"] for group in slo_groups(Environment(name="test"))}
    assert "slo-slow_tokens" not in silent
    late = next(rule for rule in ALERTS if rule.get("record") == "sandtable:slow_tokens:ratio_rate5m")
    assert late["expr"] == f"avg(avg_over_time(({TOKEN_SECONDS} > bool 0.05)[5m:30s]))"


def test_a_runtime_rule_is_matched_by_the_number_of_its_priority() -> None:
    """Falco's label ``priority`` is 0 (emergency) to 7 (debug)."""
    broken = next(rule for rule in ALERTS if rule.get("alert") == "RuntimeRuleBroken")
    assert 'priority=~"[0-2]"' in broken["expr"]


def test_a_quorum_is_lost_also_when_no_server_answers() -> None:
    lost = next(rule for rule in ALERTS if rule.get("alert") == "VaultQuorumLost")
    assert lost["expr"] == "(count(vault_core_unsealed == 1) or vector(0)) < 2"


def test_labels_that_panels_group_by_are_promoted() -> None:
    promoted = configuration(environment())["otlp"]["promote_resource_attributes"]
    assert {"k8s.pod.name", "k8s.namespace.name"} <= set(promoted)


def test_alerts_have_names_severities_and_words() -> None:
    alerts = [rule for rule in ALERTS if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 10
    assert all(rule["labels"]["severity"] in {"page", "ticket"} and rule["annotations"]["summary"] for rule in alerts)


def test_what_is_switched_off_has_no_alert() -> None:
    fields = {"secrets": {"engine": "none"}, "runtime_rules": {"enabled": False}}
    names = {rule["alert"] for rule in rules(platform_groups(Environment.model_validate({"name": "test", **fields})))}
    assert names & {"VaultSealed", "RuntimeRuleBroken", "GpuError"} == set()


@pytest.mark.parametrize("slug", contents(environment()))
def test_a_dashboard_is_what_grafana_reads(slug: str) -> None:
    document = json.loads(json.dumps(dashboard(environment(), slug, contents(environment())[slug])))
    assert document["schemaVersion"] >= 39
    assert len(document["uid"]) <= 40
    assert {variable["name"] for variable in document["templating"]["list"]} == {"source"}
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["datasource"]["uid"] == "${source}" for panel in panels for target in panel["targets"])
    boxes = [panel["gridPos"] for panel in panels]
    assert all(box["x"] >= 0 and box["x"] + box["w"] <= 24 for box in boxes)
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes, 2))


def overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def test_a_threshold_is_a_line_in_its_picture() -> None:
    panels = {panel["title"]: panel for panel in dashboard(environment(), "serving", contents(environment())["serving"])["panels"]}
    steps = panels["Time per output token, mean"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[-1] == {"color": "red", "value": 0.05}
    assert len(panels["Slots busy per step"]["fieldConfig"]["defaults"]["thresholds"]["steps"]) == 1
