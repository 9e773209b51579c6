"""``--json``: one document on stdout and nothing else, as its schema in docs/schemas says, also where the command fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtests.testing import StubEngine

Check = Callable[[Any, str], None]


def test_graph(process: Any, check: Check) -> None:
    answer = process("graph", "prod", "--json")
    check(answer.document, "graph")
    assert (answer.code, answer.err) == (0, "")
    assert {"urn", "type", "name", "parent", "depends_on", "inputs"} == set(answer.document["resources"][0])


def test_graph_from_manifests_is_checked_too(sandtable: Any, check: Check, tmp_path: Path) -> None:
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"hostPID": True, "containers": [{"name": "a"}]}}
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "pod.yaml").write_text(json.dumps(manifest))
    check(sandtable("graph", "--manifests", tmp_path / "pods", "--json").document, "graph")
    answer = sandtable("check", "--manifests", tmp_path / "pods", "--json")
    check(answer.document, "check")
    assert answer.code == 6
    assert answer.document["denied"] > 0


def test_check(sandtable: Any, check: Check) -> None:
    answer = sandtable("check", "dev", "--json")
    check(answer.document, "check")
    assert (answer.code, answer.document["denied"]) == (0, 0)


def test_check_judges_another_source_by_an_environments_rules(sandtable: Any, check: Check, tmp_path: Path) -> None:
    spec = {"template": {"metadata": {"labels": {"sandtable.dev/role": "engine"}}, "spec": {"containers": []}}}
    engine = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "engine", "namespace": "ai"}, "spec": spec}
    (tmp_path / "engine.json").write_text(json.dumps(engine))
    alone = sandtable("check", "--manifests", tmp_path / "engine.json", "--json").document
    in_prod = sandtable("check", "prod", "--manifests", tmp_path / "engine.json", "--json").document
    check(in_prod, "check")
    assert "replicas-in-prod" in {rule["rule"] for rule in alone["not_applicable"]}
    assert "replicas-in-prod" in {finding["rule"] for finding in in_prod["findings"]}


def test_loadtest_at_a_rate_that_is_too_short_to_decide(sandtable: Any, check: Check) -> None:
    with StubEngine() as engine:
        answer = sandtable("loadtest", "dev", "--target", engine.url, "--yes", "--rate", "10", "--duration", "1s", "--json")
    check(answer.document, "loadtest")
    assert (answer.code, answer.document["invalid"]) == (4, [])
    assert any(reason.startswith("too few samples for p95_ttft_ms: ") for reason in answer.document["undersampled"])
    # 10 are asked for; users who ask again at once send hundreds.
    assert 0 < answer.document["outcome"]["requests"] < 30


def test_schema(sandtable: Any) -> None:
    assert "sandtable:engine" in sandtable("schema").document["properties"]["config"]["properties"]
    assert sandtable("schema", "--json").out == sandtable("schema").out


def test_whatif(sandtable: Any, check: Check, project: Path) -> None:
    short = project / "Pulumi.prod.yaml"
    short.write_text(short.read_text(encoding="utf-8").replace("duration_s: 120", "duration_s: 20"), encoding="utf-8")
    answer = sandtable("whatif", "prod", "--scenario", "traffic=2x", "--scenario", "spot=0.7", "--json")
    check(answer.document, "whatif")
    assert (answer.code, answer.err) == (0, "")
    assert [scenario["name"] for scenario in answer.document["scenarios"]] == ["baseline", "traffic=2x", "spot=0.7"]


def test_one_scenario_is_counted_as_one(sandtable: Any) -> None:
    assert "1 scenario, 5 replications" in sandtable("whatif", "prod").err


def test_list_of_scenarios(sandtable: Any, check: Check) -> None:
    answer = sandtable("whatif", "--list", "--json")
    check(answer.document, "scenarios")
    assert "traffic=2x" in {kind["example"] for kind in answer.document["scenarios"]}


def test_doctor(sandtable: Any, check: Check) -> None:
    answer = sandtable("doctor", "--json")
    check(answer.document, "doctor")
    assert answer.code in {0, 7}


def test_images(sandtable: Any, check: Check) -> None:
    answer = sandtable("images", "list", "redis", "falco", "--json")
    check(answer.document, "images")
    assert [(row["name"], row["version"], row["differs"]) for row in answer.document["images"]] == [
        ("falco", "", False),
        ("redis", "8.0.2", True),
    ]
    assert answer.code == 0


def test_status_of_a_cluster_that_was_never_started(sandtable: Any, check: Check) -> None:
    answer = sandtable("cluster", "status", "dev", "--json")
    check(answer.document, "cluster")
    assert answer.document["running"] is False


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("graph", "prd", "--json"), 2),
        (("graph", "--json", "--no-such-option"), 2),
        (("grph", "--json"), 2),
        (("whatif", "prod", "--scenario", "trafic=2x", "--json"), 2),
        (("rehearse", "--json"), 2),
        (("report", "--json"), 7),
        (("cluster", "kubeconfig", "dev", "--json"), 7),
        (("images", "build", "redsi", "--json"), 2),
        (("images", "build", "falco", "--json"), 2),
    ],
)
def test_errors(sandtable: Any, check: Check, arguments: tuple[str, ...], code: int) -> None:
    answer = sandtable(*arguments)
    check(answer.document, "error")
    assert answer.code == answer.document["error"]["exit_code"] == code
    assert answer.document["error"]["message"] in answer.err
