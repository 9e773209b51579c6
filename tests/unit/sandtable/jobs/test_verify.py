"""``sandtable verify`` without a cluster: how checks are chosen, run and judged, and what they say of a cluster that lacks something."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from sandtable.document.answers.verification import Verification
from sandtable.document.writing import write
from sandtable.errors import UsageError
from sandtable.jobs.verify.catalogue import all_checks, chosen
from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, NotRunError, Result, wait_until
from sandtable.jobs.verify.control_plane import admission, objects
from sandtable.jobs.verify.ground import Ground
from sandtable.jobs.verify.kept import kept_verification
from sandtable.jobs.verify.telemetry import metrics
from sandtable.jobs.verify.telemetry import rules as telemetry_rules
from sandtable.jobs.verify.verify import outcome_of, verify
from sandtable.report.verification import render_junit
from sandtable.terminal import Steps, show_verification
from sandtable.terminal.console import THEME
from sandtable.workspace import Workspace
from stacks.clusters.api import Answer
from stacks.environment import Admission, Environment
from stacks.errors import ClusterError
from stacks.graph import Graph, Resource


@dataclass
class StubApi:
    """An API server that has ``objects`` by path, and answers requests as ``answer`` says."""

    objects: dict[str, Any] = field(default_factory=dict)
    answer: Callable[[str, str, Any], Answer] = lambda _method, _path, _body: Answer(201, {})

    def get(self, path: str) -> Any:
        return self.objects.get(path)

    def items(self, path: str, _selector: str = "") -> list[Any]:
        return list(self.objects.get(path, ()))

    def send(self, method: str, path: str, body: Any = None, **_: Any) -> Answer:
        return self.answer(method, path, body)

    def create(self, manifest: Any, *, dry_run: bool = False) -> Answer:
        assert dry_run, "a check stores nothing"
        return self.answer("POST", manifest["kind"], manifest)


def ground(api: StubApi, *resources: dict[str, Any], played: bool = False, environment: Environment | None = None) -> Ground:
    found = [Resource(f"urn:{index}", f"kubernetes:{one['kind']}", str(index), inputs=one) for index, one in enumerate(resources)]
    cluster = SimpleNamespace(status=lambda: SimpleNamespace(nodes_are_played=played))
    return Ground(environment or Environment(name="dev"), Graph.of(found, "test"), cluster, api, str)  # type: ignore[arg-type]


def check(run: Callable[[Ground], str], **more: Any) -> Check:
    return Check("one", "part", "proves", "control", run, **more)


@pytest.mark.parametrize(
    ("error", "outcome", "text"),
    [
        (None, "passed", "seen"),
        (CheckFailedError("it is broken"), "failed", "it is broken"),
        (NotHereError("no store"), "absent", "not in this environment: no store"),
        (NotRunError("no promtool"), "unknown", "could not run: no promtool"),
        (ClusterError("no answer"), "unknown", "could not run: no answer"),
    ],
)
def test_every_end_of_a_check_is_a_result(error: Exception | None, outcome: str, text: str) -> None:
    def run(_: Ground) -> str:
        if error:
            raise error
        return "seen"

    assert outcome_of(check(run), ground(StubApi())) == (outcome, text)


def test_a_check_in_pods_is_absent_where_they_are_simulated() -> None:
    assert outcome_of(check(lambda _: "seen", needs_pods=True), ground(StubApi(), played=True))[0] == "absent"
    assert outcome_of(check(lambda _: "seen", needs_pods=True), ground(StubApi()))[0] == "passed"


PODS = "/api/v1/namespaces/messaging/pods"


def pod(node: str, *, ready: bool) -> dict[str, Any]:
    condition = {"type": "Ready", "status": str(ready)}
    return {"metadata": {"name": "nats-0", "labels": {"a": "b"}}, "spec": {"nodeName": node}, "status": {"conditions": [condition]}}


@pytest.mark.parametrize(
    ("pods", "error", "said"),
    [
        ([], CheckFailedError, "there is no pod of NATS"),
        ([pod("theirs", ready=False)], CheckFailedError, "no pod of NATS is ready"),
        ([pod("played", ready=True)], NotHereError, "the pods of NATS are simulated"),
    ],
)
def test_a_part_that_is_down_fails_and_one_that_is_simulated_is_not_here(pods: list[Any], error: type[Exception], said: str) -> None:
    nodes = [{"metadata": {"name": "played", "annotations": {"kwok.x-k8s.io/node": "fake"}}}]
    with pytest.raises(error, match=said):
        ground(StubApi({PODS: pods, "/api/v1/nodes": nodes})).pods_with("messaging", {"a": "b"}, "NATS")


def test_a_part_that_runs_is_found() -> None:
    assert [one.name for one in ground(StubApi({PODS: [pod("theirs", ready=True)]})).pods_with("messaging", {"a": "b"}, "NATS")] == [
        "nats-0"
    ]


def test_checks_have_names_of_their_own_and_a_control() -> None:
    checks = all_checks()
    assert len({one.name for one in checks}) == len(checks)
    assert all(one.proves and one.control for one in checks)


def test_checks_are_chosen_by_name() -> None:
    assert [one.name for one in chosen(["rights"], drills=False)] == ["rights"]
    assert not any(one.drill for one in chosen([], drills=False))
    with pytest.raises(UsageError, match="did you mean 'rights'"):
        chosen(["right"], drills=False)


def test_drills_are_refused_on_a_cluster_of_others(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: sandtable\nruntime: python\n")
    (tmp_path / "Pulumi.theirs.yaml").write_text("config:\n  sandtable:cluster: {provider: kubeconfig, context: theirs}\n")
    with pytest.raises(UsageError, match="the cluster of theirs is not ours"):
        verify("theirs", (), Workspace(tmp_path), Steps(quiet=True), drills=True)


DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "ai", "generation": 2},
    "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}},
}
ROLLED_OUT: dict[str, Any] = {**DEPLOYMENT, "status": {"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 2}}
PLACE = "/apis/apps/v1/namespaces/ai/deployments/web"


def changed(path: str, value: Any) -> dict[str, Any]:
    live = copy.deepcopy(ROLLED_OUT)
    *way, last = path.split(".")
    place: Any = live
    for key in way:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    return live


def test_a_rolled_out_workload_passes() -> None:
    assert objects.rollouts(ground(StubApi({PLACE: ROLLED_OUT}), DEPLOYMENT)).startswith("1 workloads run")


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (None, "missing"),
        (changed("status.readyReplicas", 1), "1 of 2 pods are ready"),
        (changed("status.updatedReplicas", 1), "1 of 2 pods are of the latest revision"),
        (changed("status.observedGeneration", 1), "its last change is not rolled out yet"),
        (changed("spec.template.spec.containers.0.image", "web:1"), "runs web:1 in place of web:2"),
    ],
)
def test_a_workload_that_differs_fails(live: dict[str, Any] | None, said: str) -> None:
    with pytest.raises(CheckFailedError, match=said):
        objects.rollouts(ground(StubApi({PLACE: live}), DEPLOYMENT))


ROSTER = "/api/v1/namespaces/federation/configmaps/fl-roster"


@pytest.mark.parametrize(("roster", "waits"), [("{}", True), ('{"a": {}}', False)])
def test_a_federation_that_waits_for_people_is_told_with_the_guide(roster: str, waits: bool) -> None:
    federated = {**DEPLOYMENT, "metadata": {**DEPLOYMENT["metadata"], "namespace": "federation"}}
    unready = {**federated, "status": {"observedGeneration": 2, "readyReplicas": 0}}
    api = StubApi({PLACE.replace("/ai/", "/federation/"): unready, ROSTER: {"data": {"roster.json": roster}}})
    with pytest.raises(CheckFailedError) as raised:
        objects.rollouts(ground(api, federated))
    assert ("waits until its clients are enrolled (docs/guides/run-the-whole" in str(raised.value)) == waits


ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
ACCOUNTS = "/api/v1/serviceaccounts"
ACCOUNT = {"metadata": {"name": "web", "namespace": "ai"}}


def role(**rule: list[str]) -> dict[str, Any]:
    return {"metadata": {"name": "operator"}, "rules": [rule]}


def review(*, of_everybody: bool) -> Callable[[str, str, Any], Answer]:
    def answer(_method: str, _path: str, body: Any) -> Answer:
        allowed = of_everybody or "system:masters" in body["spec"].get("groups", ())
        return Answer(201, {"status": {"allowed": allowed}})

    return answer


def test_narrow_rights_pass_and_wide_ones_fail() -> None:
    narrow = {ROLES: [role(apiGroups=["apps"], resources=["*"], verbs=["get"])], ACCOUNTS: [ACCOUNT]}
    assert "1 accounts are denied 3 rights" in objects.rights(ground(StubApi(narrow, review(of_everybody=False))))
    with pytest.raises(CheckFailedError, match="system:serviceaccount:ai:web may"):
        objects.rights(ground(StubApi(narrow, review(of_everybody=True))))
    wide = narrow | {ROLES: [role(apiGroups=["*"], resources=["*"], verbs=["*"])]}
    with pytest.raises(CheckFailedError, match="ClusterRole operator"):
        objects.rights(ground(StubApi(wide, review(of_everybody=False))))


def test_an_api_server_that_admits_everything_fails_the_rules() -> None:
    registered = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    names = [{"metadata": {"name": "sandtable-no-privileged-pods"}}]
    api = StubApi({registered + "ies": names, registered + "ybindings": names})
    environment = Environment(name="dev", admission=Admission(mode="warn"))
    with pytest.raises(CheckFailedError, match="API server admits, CrossGuard no-privileged-pods"):
        admission.rules_agree(ground(api, environment=environment))


def test_a_namespace_that_admits_everything_fails_pod_security() -> None:
    namespace = {"metadata": {"name": "ai", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    with pytest.raises(CheckFailedError, match="a privileged pod is admitted to ai"):
        admission.pod_security(ground(StubApi({"/api/v1/namespaces": [namespace]})))
    declared = {"apiVersion": "v1", "kind": "Namespace", **namespace}
    with pytest.raises(CheckFailedError, match="another profile than declared: ai: None in place of restricted"):
        admission.pod_security(ground(StubApi({"/api/v1/namespaces": [{"metadata": {"name": "ai"}}]}), declared))


def test_a_query_of_unknown_or_unread_series_fails_the_dashboards() -> None:
    maps = "/api/v1/namespaces/telemetry/configmaps"

    def of(expression: str, *jobs: str) -> Ground:
        panel = {"title": "one", "targets": [{"expr": expression}]}
        board = {"metadata": {"name": "d", "labels": {"grafana_dashboard": "1"}}, "data": {"d.json": json.dumps({"panels": [panel]})}}
        scraped = {"data": {"prometheus.yaml": json.dumps({"scrape_configs": [{"job_name": job} for job in jobs]})}}
        return ground(StubApi({maps: [board], f"{maps}/prometheus": scraped}))

    assert "1 queries read series" in telemetry_rules.dashboards(of("sum(llamacpp:requests_processing)", "engines"))
    with pytest.raises(CheckFailedError, match="no scrape job engines reads llamacpp:requests_processing"):
        telemetry_rules.dashboards(of("sum(llamacpp:requests_processing)", "metrics"))
    with pytest.raises(CheckFailedError, match="nobody exposes invented_total"):
        telemetry_rules.dashboards(of("rate(invented_total[5m])", "engines"))


@pytest.fixture
def document() -> Verification:
    results = [
        Result(check(str), outcome, f"what {outcome} saw", 0.5)  # type: ignore[arg-type]
        for outcome in ("passed", "failed", "unknown", "absent")
    ]
    return Verification.of_results(results, environment="dev", digest="sha256:1", at="2026-11-29T00:00:00+00:00")


def test_the_document_counts_the_outcomes(document: Verification) -> None:
    assert document.sentence == "1 passed, 1 failed, 1 could not run, 1 not in this environment."
    assert document.checks[0].kind == "read-only"


def test_junit_has_a_mark_for_each_outcome(document: Verification) -> None:
    root = ET.fromstring(render_junit(document))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip


def test_the_terminal_has_a_line_a_check(document: Verification) -> None:
    file = io.StringIO()
    show_verification(document, Console(file=file, theme=THEME, width=100))
    lines = [line.split()[0] for line in file.getvalue().splitlines() if "saw" in line]
    assert lines == ["✓", "✗", "-", "-"]


def test_only_a_verification_of_the_same_graph_is_shown(tmp_path: Path, document: Verification) -> None:
    space = Workspace(tmp_path)

    def run(digest: str) -> Any:
        return SimpleNamespace(rehearsal=SimpleNamespace(environment="dev", graph=SimpleNamespace(digest=digest)))

    assert kept_verification(space, run("sha256:1")) is None
    write(space.verification("dev"), document)
    assert kept_verification(space, run("sha256:1")) == document
    assert kept_verification(space, run("sha256:2")) is None
    space.verification("dev").write_text("{}")
    assert kept_verification(space, run("sha256:1")) is None


def played_prometheus(monkeypatch: pytest.MonkeyPatch, *, exposed: bool, dashboard: str = "d") -> Ground:
    panel = {"title": "one", "targets": [{"expr": "rate(llm_errors_total[5m])"}]}
    file = {f"{dashboard}.json": json.dumps({"panels": [panel]})}
    board = {"metadata": {"name": "boards", "labels": {"grafana_dashboard": "1"}}, "data": file}
    maps = "/api/v1/namespaces/telemetry/configmaps"
    scraped = {"data": {"prometheus.yaml": json.dumps({"scrape_configs": [{"job_name": "gateways"}]})}}
    answers = {"metadata": {"llm_errors_total": []} if exposed else {}, "query": {"result": []}}
    monkeypatch.setattr(metrics, "_prometheus", lambda _: None)
    monkeypatch.setattr(metrics, "_data", lambda _, path: answers[path.rpartition("/")[2].partition("?")[0]])
    return ground(StubApi({maps: [board], f"{maps}/prometheus": scraped, ROSTER: {"data": {"roster.json": "{}"}}}))


def test_a_query_of_what_has_not_happened_yet_passes_if_its_series_is_exposed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "1 count what has not happened yet" in metrics.dashboard_data(played_prometheus(monkeypatch, exposed=True))
    with pytest.raises(CheckFailedError, match=r"1 of 1 queries have no data: d: one$"):
        metrics.dashboard_data(played_prometheus(monkeypatch, exposed=False))
    with pytest.raises(CheckFailedError, match="no data: federation: one; the federation waits until its clients are enrolled"):
        metrics.dashboard_data(played_prometheus(monkeypatch, exposed=False, dashboard="federation"))


def test_waiting_ends_with_what_was_waited_for_or_with_what_did_not_happen() -> None:
    seen = iter((0, 0, 7))
    waited = wait_until(lambda: next(seen), "nothing", within_s=60, poll_s=0)
    assert waited.answer == 7
    assert 0 <= waited.seconds < 60
    with pytest.raises(CheckFailedError, match=r"^it is still there within 0 s$"):
        wait_until(lambda: False, lambda: "it is still there", within_s=0, poll_s=0)


def test_an_exception_that_means_not_yet_is_waited_out_or_told_as_the_reason() -> None:
    refusals = iter((True, False))

    def ask() -> str:
        if next(refusals, True):
            raise ConnectionRefusedError("nobody listens")
        return "hello"

    assert wait_until(ask, "nothing", within_s=60, poll_s=0, despite=(OSError,)).answer == "hello"
    with pytest.raises(CheckFailedError, match=r"^it is not there within 0 s: nobody listens$"):
        wait_until(ask, "it is not there", within_s=0, poll_s=0, despite=(OSError,))
    with pytest.raises(ConnectionRefusedError):
        wait_until(ask, "it is not there", within_s=0, poll_s=0, despite=(TimeoutError,))
