"""Alert rules and dashboards: every expression reads series that somebody exposes, and objectives are the environment's thresholds."""

from __future__ import annotations

import itertools
import json
import re
from functools import cache
from typing import Any

import pytest

from stacks.components.telemetry.dashboards import contents
from stacks.components.telemetry.grafana import Panel, dashboard
from stacks.components.telemetry.prometheus import configuration
from stacks.components.telemetry.promql import series_of
from stacks.components.telemetry.rules import (
    BURN_RATES,
    WINDOWS,
    coordination_groups,
    federation_groups,
    gateway_groups,
    platform_groups,
    slo_groups,
)
from stacks.environment import Environment
from workloads.telemetry.coordination import COORDINATION_SERIES
from workloads.telemetry.federation import FEDERATION_SERIES
from workloads.telemetry.gateway import GATEWAY_SERIES
from workloads.telemetry.series import SERIES, TOKEN_SECONDS

GATEWAY: dict[str, Any] = {
    "routes": {"small": {"targets": [{"provider": "engine", "model": "synthetic", "context_tokens": 1024}]}},
    "limits": {"usd_per_day": 20},
}


@cache
def environment() -> Environment:
    pool = {"name": "laptop", "region": "local", "instance_type": "laptop", "vcpu_per_node": 8, "memory_gib_per_node": 32}
    gpu = {**pool, "name": "gpu", "gpu": {"model": "L4", "per_node": 1}}
    return Environment.model_validate(
        {
            "name": "test",
            "node_pools": [pool, gpu],
            "gateway": GATEWAY,
            "coordination": {},
            "thresholds": ["p95_tpot_ms < 50", "failed_share < 0.001", "p95_ttft_ms < 400", "p95_e2e_ms < 5000"],
        }
    )


def rules(which: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for group in which for rule in group["rules"]]


def of_gateway() -> list[dict[str, Any]]:
    section = environment().gateway
    assert section is not None
    return rules(gateway_groups(environment(), section))


def of_coordination() -> list[dict[str, Any]]:
    section = environment().coordination
    assert section is not None
    return rules(coordination_groups(section))


ALERTS = [*rules(slo_groups(environment())), *rules(platform_groups(environment())), *rules(federation_groups())]
ALERTS += [*of_gateway(), *of_coordination()]
RECORDED = {rule["record"] for rule in ALERTS if "record" in rule}
PANELS = [panel for panels in contents(environment()).values() for panel in panels]


@pytest.mark.parametrize("expression", [r["expr"] for r in ALERTS] + [e for p in PANELS for e in p.expressions.values()])
def test_an_expression_reads_only_series_that_are_exposed(expression: str) -> None:
    assert series_of(expression)
    exposed = {*SERIES, *GATEWAY_SERIES, *FEDERATION_SERIES, *COORDINATION_SERIES, *RECORDED}
    assert {name.removesuffix("_bucket") for name in series_of(expression)} <= exposed


@pytest.mark.parametrize("panel", contents(environment())["gateway"], ids=lambda panel: panel.title)
def test_a_query_of_the_gateway_groups_by_labels_of_its_series(panel: Panel) -> None:
    for legend, expression in panel.expressions.items():
        (name,) = series_of(expression)
        of_series = {*GATEWAY_SERIES[name.removesuffix("_bucket")], "pod", "le"}
        grouped = {label for found in re.findall(r"by \(([^)]*)\)", expression) for label in found.split(", ")}
        assert grouped <= of_series
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= (grouped or of_series)


def test_every_series_of_the_gateway_is_on_its_dashboard_or_raises_an_alert() -> None:
    shown = {
        name.removesuffix("_bucket")
        for panel in contents(environment())["gateway"]
        for e in panel.expressions.values()
        for name in series_of(e)
    }
    alerting = {name.removesuffix("_bucket") for rule in of_gateway() for name in series_of(rule["expr"])}
    # Counted for those who ask: as parts of what is shown, or shown by model already.
    elsewhere = {
        "gen_ai_client_operation_duration_seconds",
        "gen_ai_client_inference_usage_cache_write_input_tokens_total",
        "gen_ai_client_inference_usage_reasoning_output_tokens_total",
        "llm_gateway_screened_total",
    }
    assert set(GATEWAY_SERIES) - shown - alerting == elsewhere


@pytest.mark.parametrize(("slug", "exposed"), [("federation", FEDERATION_SERIES), ("coordination", COORDINATION_SERIES)])
def test_every_series_is_on_its_dashboard(slug: str, exposed: dict[str, Any]) -> None:
    expressions = [expression for panel in contents(environment())[slug] for expression in panel.expressions.values()]
    assert {name.removesuffix("_bucket") for expression in expressions for name in series_of(expression)} == set(exposed)


def test_errors_of_the_gateway_alert_as_asked() -> None:
    high = next(rule for rule in of_gateway() if rule["alert"] == "HighLLMErrorRate")
    assert (high["expr"], high["for"], high["labels"]) == ("rate(llm_errors_total[5m]) > 0.1", "2m", {"severity": "warning"})


def test_a_day_s_limit_is_an_alert_only_where_there_is_one() -> None:
    unlimited = Environment.model_validate({"name": "test", "gateway": GATEWAY | {"limits": {}}})
    assert unlimited.gateway is not None
    names = {rule["alert"] for rule in rules(gateway_groups(unlimited, unlimited.gateway))}
    assert "LLMBudgetSpent" not in names
    assert names & {"LLMFirstTokensLate", "LLMAnswersLate", "LLMSharedCacheOut"} == set()
    assert 'sum by (tenant) (increase(llm_gateway_cost_usd_total{tenant="rehearsal"}[1d])) > 20' in {rule["expr"] for rule in of_gateway()}


def test_gateways_are_scraped_where_there_are_any() -> None:
    jobs = [{job["job_name"] for job in configuration(one)["scrape_configs"]} for one in (environment(), Environment(name="test"))]
    assert ["gateways" in names for names in jobs] == [True, False]


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
    assert all(
        rule["labels"]["severity"] in {"critical", "page", "ticket", "warning"} and rule["annotations"]["summary"] for rule in alerts
    )


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
