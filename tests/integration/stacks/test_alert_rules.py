"""Alert rules and dashboards as Prometheus itself reads them: ``promtool check rules`` and ``promtool test rules``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stacks.components.telemetry.dashboards import contents
from stacks.components.telemetry.rule_tests import cause_of, rule_tests
from stacks.components.telemetry.rules import coordination_groups, federation_groups, gateway_groups, platform_groups, slo_groups
from stacks.environment.file import load

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH (Debian's package `prometheus` has it)")


def promtool(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def all_groups(name: str) -> list[dict[str, Any]]:
    environment = load(name, root=ROOT)
    assert environment.gateway is not None
    return [
        *slo_groups(environment),
        *platform_groups(environment),
        *federation_groups(),
        *gateway_groups(environment, environment.gateway),
        *(coordination_groups(environment.coordination) if environment.coordination else []),
    ]


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_prometheus_accepts_the_rules(tmp_path: Path, name: str) -> None:
    (tmp_path / "rules.json").write_text(json.dumps({"groups": all_groups(name)}))
    assert "SUCCESS" in promtool(tmp_path, "check", "rules", "rules.json")


def test_every_alert_fires_on_its_cause_and_none_on_a_healthy_platform(tmp_path: Path) -> None:
    groups = all_groups("prod")
    assert [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule and cause_of(rule["alert"]) is None] == []
    (tmp_path / "rules.json").write_text(json.dumps({"groups": groups}))
    (tmp_path / "test.json").write_text(json.dumps(rule_tests(groups, ["rules.json"])))
    assert "SUCCESS" in promtool(tmp_path, "test", "rules", "test.json")


@pytest.mark.parametrize("expression", ["vector(0) > 1", "vector(1)"])
def test_an_alert_that_never_or_always_fires_fails_its_test(tmp_path: Path, expression: str) -> None:
    groups = federation_groups()
    groups[0]["rules"][0] |= {"expr": expression, "for": "0m"}
    (tmp_path / "rules.json").write_text(json.dumps({"groups": groups}))
    (tmp_path / "test.json").write_text(json.dumps(rule_tests(groups, ["rules.json"])))
    with pytest.raises(AssertionError, match="PrivacyBudgetExhausted"):
        promtool(tmp_path, "test", "rules", "test.json")


def test_prometheus_accepts_the_queries_of_the_dashboards(tmp_path: Path) -> None:
    queries = [query for panels in contents(load("prod", root=ROOT)).values() for panel in panels for query in panel.expressions.values()]
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "queries", "rules": recorded}]}))
    assert f"SUCCESS: {len(queries)} rules found" in promtool(tmp_path, "check", "rules", "rules.json")


def alert(at: str, name: str, *expected: dict[str, Any]) -> dict[str, Any]:
    return {"eval_time": at, "alertname": name, "exp_alerts": list(expected)}


def test_errors_and_doubts_raise_their_alerts_in_time(tmp_path: Path) -> None:
    environment = load("staging", root=ROOT)
    assert environment.gateway is not None
    groups = gateway_groups(environment, environment.gateway)
    (tmp_path / "rules.json").write_text(json.dumps({"groups": groups}))
    summaries = {rule["alert"]: rule["annotations"] for group in groups for rule in group["rules"]}
    many = {"provider": "anthropic", "model": "claude-sonnet-5-5", "kind": "overloaded"}
    few = many | {"kind": "timeout"}
    doubt = {"provider": "anthropic", "model": "claude-new", "doubt": "unpriced-model"}

    def series(name: str, labels: dict[str, str]) -> str:
        return name + "{" + ", ".join(f'{key}="{value}"' for key, value in labels.items()) + "}"

    high = {"exp_labels": {"severity": "warning", **many}, "exp_annotations": summaries["HighLLMErrorRate"]}
    uncertain = {"exp_labels": {"severity": "ticket", **doubt}, "exp_annotations": summaries["LLMCostInDoubt"]}
    spent = {"exp_labels": {"severity": "page", "tenant": "rehearsal"}, "exp_annotations": summaries["LLMBudgetSpent"]}
    test = {
        "interval": "30s",
        "input_series": [
            # 12 a minute are 0.2 a second; 3 a minute are 0.05.
            {"series": series("llm_errors_total", many), "values": "0+6x60"},
            {"series": series("llm_errors_total", few), "values": "0+1.5x60"},
            {"series": series("llm_gateway_cost_doubts_total", doubt), "values": "_x10 1x50"},
            *(
                {"series": f'llm_gateway_cost_usd_total{{tenant="rehearsal", pod="{pod}"}}', "values": "0+0.5x60"}
                for pod in ("gateway-1", "gateway-2")
            ),
        ],
        "alert_rule_test": [
            alert("2m", "HighLLMErrorRate"),  # above the limit, but not for two minutes
            alert("5m", "HighLLMErrorRate", high),
            alert("4m", "LLMCostInDoubt"),
            alert("6m", "LLMCostInDoubt", uncertain),
            alert("5m", "LLMBudgetSpent"),
            alert("20m", "LLMBudgetSpent", spent),  # 40 USD by both replicas, over a limit of 20
        ],
    }
    (tmp_path / "test.json").write_text(json.dumps({"rule_files": ["rules.json"], "evaluation_interval": "30s", "tests": [test]}))
    assert "SUCCESS" in promtool(tmp_path, "test", "rules", "test.json")


def test_a_spent_budget_and_a_poor_model_raise_their_alerts_in_time(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps({"groups": federation_groups()}))
    summaries = {rule["alert"]: rule["annotations"] for group in federation_groups() for rule in group["rules"]}
    exhausted = {"exp_labels": {"severity": "critical", "pod": "fl-server-0"}, "exp_annotations": summaries["PrivacyBudgetExhausted"]}
    degraded = {"exp_labels": {"severity": "warning", "pod": "fl-server-0"}, "exp_annotations": summaries["ModelAccuracyDegraded"]}
    test = {
        "interval": "30s",
        "input_series": [
            # 0.85, 0.9 and from two minutes on 0.95 of the budget; an accuracy of 0.7 from the beginning, and of 0.85 after ten minutes.
            {"series": 'fl_privacy_budget_consumed{pod="fl-server-0", epsilon="3"}', "values": "0.85 0.85 0.9 0.9 0.95x40"},
            {"series": 'fl_model_accuracy{pod="fl-server-0"}', "values": "0.7x19 0.85x20"},
        ],
        "alert_rule_test": [
            alert("2m", "PrivacyBudgetExhausted"),  # above the limit, but not for a minute
            alert("3m", "PrivacyBudgetExhausted", exhausted),
            alert("4m", "ModelAccuracyDegraded"),
            alert("6m", "ModelAccuracyDegraded", degraded),
            alert("12m", "ModelAccuracyDegraded"),
        ],
    }
    (tmp_path / "test.json").write_text(json.dumps({"rule_files": ["rules.json"], "evaluation_interval": "30s", "tests": [test]}))
    assert "SUCCESS" in promtool(tmp_path, "test", "rules", "test.json")


def test_a_group_that_lost_its_leader_its_members_or_its_disk_raises_its_alerts_in_time(tmp_path: Path) -> None:
    section = load("prod", root=ROOT).coordination
    assert section is not None
    (tmp_path / "rules.json").write_text(json.dumps({"groups": coordination_groups(section)}))
    rules = {rule["alert"]: rule for group in coordination_groups(section) for rule in group["rules"]}

    def raised(name: str, **labels: str) -> dict[str, Any]:
        return {"exp_labels": rules[name]["labels"] | labels, "exp_annotations": rules[name]["annotations"]}

    def series(name: str, values: str, pod: str = "coordination-0", **labels: str) -> dict[str, str]:
        said = ", ".join(f'{key}="{value}"' for key, value in {"pod": pod, **labels}.items())
        return {"series": f"coordination_{name}{{{said}}}", "values": values}

    test = {
        "interval": "30s",
        "input_series": [
            # Two of three members go down after five minutes; the last one follows nobody, and all are well again after ten.
            series("is_leader", "1x9 stale _x9 1x20"),
            *(series(name, "1x9 stale _x9 1x20", pod) for name in ("has_leader", "term") for pod in ("coordination-0", "coordination-1")),
            *(series(name, "1x9 0x10 1x20", "coordination-2") for name in ("has_leader", "term")),
            series("is_leader", "0x40", "coordination-2"),
            # Of 100 batches a minute, two take between 0.1 and 0.3 s.
            *(series("fsync_seconds_bucket", f"0+{a}x40", le=le) for le, a in (("0.03", 49), ("0.1", 49), ("0.3", 50), ("+Inf", 50))),
            series("disk_free_bytes", "20x9 10x30"),
            series("disk_size_bytes", "100x40"),
            series("commit", "0+1000x40"),
            *(series("applied", "0+1000x40", pod) for pod in ("coordination-0", "coordination-1")),
            series("applied", "0x40", "coordination-2"),
        ],
        "alert_rule_test": [
            alert("4m", "CoordinationNoLeader"),
            alert("7m", "CoordinationNoLeader", raised("CoordinationNoLeader")),
            alert("7m", "CoordinationQuorumLost", raised("CoordinationQuorumLost")),
            alert("12m", "CoordinationQuorumLost"),
            alert("12m", "CoordinationNoLeader"),
            alert("7m", "CoordinationMemberMissing"),  # a restart takes less than ten minutes
            alert("11m", "CoordinationFsyncSlow", raised("CoordinationFsyncSlow", pod="coordination-0")),
            alert("7m", "CoordinationDiskNearFull"),
            alert("11m", "CoordinationDiskNearFull", raised("CoordinationDiskNearFull", pod="coordination-0")),
            alert("17m", "CoordinationMemberLags", raised("CoordinationMemberLags")),
        ],
    }
    (tmp_path / "test.json").write_text(json.dumps({"rule_files": ["rules.json"], "evaluation_interval": "30s", "tests": [test]}))
    assert "SUCCESS" in promtool(tmp_path, "test", "rules", "test.json")
