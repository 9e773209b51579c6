"""Checks of ``sandtable verify`` that ask servers in pods, with servers that are played: what passes, and what is found broken."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from sandtable.jobs.verify.check import CheckFailedError, NotHereError, NotRunError
from sandtable.jobs.verify.ground import Pod
from sandtable.jobs.verify.pod_http import Reply
from sandtable.jobs.verify.security import rotation, workload_api
from sandtable.jobs.verify.telemetry import alerts, traces

TRACED = {"processID": "p1", "tags": []}
PROCESSES = {"p1": {"tags": [{"key": "k8s.pod.name", "value": "gateway-0"}]}}
FOUND = Reply(200, {"data": [{"spans": [TRACED], "processes": PROCESSES}]})
NOBODY = Reply(404, {"errors": ["trace not found"]})


def environment(**more: Any) -> Any:
    telemetry = SimpleNamespace(trace_store="jaeger", alertmanager=True)
    secrets = SimpleNamespace(replicas=3)
    known = {"gateway": SimpleNamespace(routes={"small": None}), "telemetry": telemetry, "secrets": secrets}
    return SimpleNamespace(**(known | more))


def ground(**more: Any) -> Any:
    pod = SimpleNamespace(name="gateway-0", ports=(8080,))
    return SimpleNamespace(environment=environment(**more), secret=lambda _: "key", pods_with=lambda *_: [pod])


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a store and a gateway answer: the first trace that is asked for with ``trace``, others with ``other``."""

    def play(trace: Reply, *, other: Reply = NOBODY, answer: Reply | None = None) -> None:
        asked: list[str] = []

        class Played:
            def __init__(self, *_: Any) -> None:
                pass

            def ask(self, method: str, path: str, *_: Any) -> Reply:
                if method == "POST":
                    return answer or Reply(200, {})
                asked.append(path)
                return trace if path == asked[0] else other

        monkeypatch.setattr(traces, "Server", Played)
        monkeypatch.setattr(traces, "_WITHIN_S", 0)
        monkeypatch.setattr(traces, "_POLL_S", 0)

    return play


def test_a_trace_that_is_in_the_store_passes(serve: Callable[..., None]) -> None:
    serve(FOUND)
    assert traces.traced(ground()).startswith("a request's trace is in the store")


def stored(span_tags: list[dict[str, str]], process_tags: list[dict[str, str]]) -> Reply:
    return Reply(200, {"data": [{"spans": [TRACED | {"tags": span_tags}], "processes": {"p1": {"tags": process_tags}}}]})


@pytest.mark.parametrize(
    ("played", "said"),
    [
        ({"trace": NOBODY}, "the trace of a request is not in the store"),
        ({"trace": FOUND, "other": FOUND}, "an invented trace is in the store"),
        ({"trace": stored([{"key": "t", "value": traces._CANARY}], PROCESSES["p1"]["tags"])}, "tells what the user wrote"),
        ({"trace": stored([], [])}, "names the pod None in place of gateway-0"),
    ],
)
def test_a_trace_that_is_missing_or_tells_too_much_fails(serve: Callable[..., None], played: dict[str, Any], said: str) -> None:
    serve(**played)
    with pytest.raises(CheckFailedError, match=said):
        traces.traced(ground())


def test_without_a_store_there_is_no_trace_to_find_and_a_refusal_is_told(serve: Callable[..., None]) -> None:
    with pytest.raises(NotHereError, match="no store for traces"):
        traces.traced(ground(telemetry=SimpleNamespace(trace_store="none")))
    serve(FOUND, answer=Reply(401, {"error": "the API key is not valid"}))
    with pytest.raises(NotRunError, match="answers a request with 401"):
        traces.traced(ground())


class Process:
    def __init__(self, stopped: list[str]) -> None:
        self.suspend, self.resume = lambda: stopped.append("stop"), lambda: stopped.append("go on")


@pytest.mark.parametrize(
    ("active", "said"),
    [
        ([False, True, False], None),
        ([True], "is active before its cause"),
        ([False, False], "has not reached Alertmanager"),
        ([False, True, True], "is not resolved"),
    ],
)
def test_an_alert_comes_and_goes_with_its_cause(monkeypatch: pytest.MonkeyPatch, active: list[bool], said: str | None) -> None:
    answers, stopped = iter(active), list[str]()
    played = ground()
    played.first_process = lambda *_: Process(stopped)
    monkeypatch.setattr(alerts, "_active", lambda _: next(answers))
    monkeypatch.setattr(alerts, "_WITHIN_S", -1)
    monkeypatch.setattr(alerts, "Engine", lambda _: SimpleNamespace(pods=lambda: [object()] * 3))
    if said:
        with pytest.raises(CheckFailedError, match=said):
            alerts.fires(played)
    else:
        assert "2 servers of the secrets engine stood still" in alerts.fires(played)
    assert stopped.count("stop") == stopped.count("go on")


AGENT = {"attestation_type": "k8s_psat", "selectors": [{"type": "k8s_psat", "value": "agent_node_name:laptop-0"}]}
ENTRY = {"selectors": [{"type": "k8s", "value": "pod-uid:1"}]}


@pytest.mark.parametrize(
    ("agents", "entries", "said"),
    [
        ([AGENT], [ENTRY], None),
        ([AGENT | {"attestation_type": "join_token"}], [ENTRY], "attested by join_token in place of k8s_psat"),
        ([AGENT | {"banned": True}], [ENTRY], "no agent is attested on laptop-0"),
        ([AGENT], [], "no workload is registered"),
        ([AGENT], [{"selectors": [{"type": "unix", "value": "uid:0"}]}], "workloads are attested by unix"),
    ],
)
def test_agents_and_workloads_are_attested_by_what_kubernetes_says(
    monkeypatch: pytest.MonkeyPatch, agents: list[Any], entries: list[Any], said: str | None
) -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pod = Pod({"metadata": {"name": "spire-agent"}, "spec": {"nodeName": "laptop-0"}, "status": ready})
    played: Any = SimpleNamespace(played_nodes=frozenset(), pods_of=lambda _: [pod])
    monkeypatch.setattr(workload_api, "of_server", lambda _, what, *__: {"agents": agents, "entries": entries} if what else None)
    if said:
        with pytest.raises(CheckFailedError, match=said):
            workload_api.attested(played)
    else:
        assert workload_api.attested(played) == "1 agent attested by k8s_psat; 1 registration of pods by the kubelet's word"


def test_the_lifetime_of_identities_is_put_back_when_a_request_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    lifetimes: list[str] = []
    refusing = SimpleNamespace(ask=lambda *_: Reply(503, None))
    engine = SimpleNamespace(pods=lambda: [SimpleNamespace(name="vault-0")], server=lambda _: refusing)

    class Api:
        def get(self, _path: str) -> Any:
            return {"spec": {"ttl": "60m"}}

        def send(self, _method: str, _path: str, body: Any, **_: Any) -> Any:
            lifetimes.append(body["spec"]["ttl"])
            return SimpleNamespace(ok=True)

    monkeypatch.setattr(rotation, "Engine", lambda _: engine)
    monkeypatch.setattr(rotation, "authorities", lambda _: "")
    monkeypatch.setattr(rotation, "shown_by", lambda *_: SimpleNamespace(serial_number=1))
    monkeypatch.setattr(rotation, "_POLL_S", 0)
    with pytest.raises(CheckFailedError, match="vault-0 answers 503"):
        rotation.rotation(SimpleNamespace(api=Api()))  # type: ignore[arg-type]
    assert lifetimes == ["20s", "60m"]
