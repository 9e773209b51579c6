"""The stack's own pods under load, with an API server and a node that are played."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace as Object
from typing import Any, Self

import pytest
from kubernetes import client

from foundation.processes import attempts
from sandtable.jobs.engines import in_pods
from sandtable.jobs.engines.cores import Cores, EnginesDoNotFitError
from sandtable.jobs.engines.in_pods import PodEngine, PodsNotReachedError, StackInPods
from simulations.deployed import DeployedEngines
from stacks.graph import labels
from workloads.engine.spec import EngineSpec

MINE = frozenset(os.sched_getaffinity(0))
STARTED = datetime(2026, 11, 29, tzinfo=UTC)
DEPLOYED = DeployedEngines(("ai-stack-0",), EngineSpec(), None, needs_gpus=False, where="Deployment ai/ai-stack")


class Steps:
    """Takes notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def say(self, text: str) -> None:
        self.notes.append(text)

    def step(self, _name: str) -> Any:
        return Step(self.notes)


class Step:
    def __init__(self, notes: list[str]) -> None:
        self.note = notes.append

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Played:
    """Both the cluster and its API: which policies there are, and which pods."""

    def __init__(self, pods: int = 1, *, ready: bool = True) -> None:
        status = [Object(ready=ready, state=Object(running=Object(started_at=STARTED)))]
        conditions = [Object(type="Ready", last_transition_time=STARTED + timedelta(seconds=3))]
        pod = Object(
            metadata=Object(name="pod", namespace="ai", uid="4f"),
            status=Object(container_statuses=status, conditions=conditions, pod_ip="10.0.0.9"),
        )
        self.pods, self.policies, self.let_in = [pod] * pods, dict[str, Any](), list[Any]()
        self.now_s = 0.0
        self.firewall_follows_after_s = 3.0

    def connect(self, _address: tuple[str, int], timeout: float) -> Any:
        if self.now_s < self.firewall_follows_after_s:
            raise ConnectionRefusedError(f"within {timeout} s")
        return Object(close=lambda: None)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def status(self) -> Any:
        return Object(server="https://10.152.0.1:6443")

    def processes_of(self, name: str) -> list[Any]:
        assert name == "pod4f"
        return [Object(pid=1, name=lambda: "pause"), Object(pid=os.getpid(), name=lambda: "python")]

    def pod_folder(self, uid: str) -> Path:
        return Path("/pods") / uid

    def delete_namespaced_network_policy(self, name: str, _namespace: str, **_: object) -> None:
        if self.policies.pop(name, None) is None:
            raise client.ApiException(404)

    def create_namespaced_network_policy(self, _namespace: str, policy: dict[str, Any], **_: object) -> None:
        self.policies[policy["metadata"]["name"]] = policy
        self.let_in.append(policy["spec"])

    def list_namespaced_pod(self, _namespace: str, *, label_selector: str, **_: object) -> Any:
        assert label_selector.startswith(labels.ROLE)
        return Object(items=self.pods)

    def read_namespaced_service(self, name: str, _namespace: str, **_: object) -> Any:
        return Object(spec=Object(cluster_ip="10.152.128.7" if name == "ai-stack" else "10.152.128.8", ports=[Object(port=8080)]))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Played:
    return play(Played(), monkeypatch, tmp_path)


def play(played: Played, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Played:
    monkeypatch.setenv("SANDTABLE_CACHE", str(cache))
    monkeypatch.setattr(StackInPods, "_api", lambda _self: None)
    for api in ("CoreV1Api", "NetworkingV1Api"):
        monkeypatch.setattr(client, api, lambda _connection: played)
    monkeypatch.setattr(in_pods, "_cores", lambda _engine: Cores((frozenset({1}),), MINE))
    monkeypatch.setattr(in_pods, "socket", Object(create_connection=played.connect))
    monkeypatch.setattr(attempts, "time", Object(monotonic=lambda: played.now_s, sleep=played.sleep))
    return played


def test_this_machine_is_let_in_for_as_long_as_it_measures(played: Played, tmp_path: Path) -> None:
    stack, steps = StackInPods(played, "key"), Steps()  # type: ignore[arg-type]
    played.policies["rehearsal"] = {"of": "a killed rehearsal"}
    with stack.engines(DEPLOYED, tmp_path, steps) as ([engine], cores):  # type: ignore[arg-type]
        assert (engine.url, engine.pid) == ("http://10.152.128.7:8080", os.getpid())
        assert cores.engines == (frozenset({1}),)
        assert engine.started_in_s == 4.0  # three until it was ready, and one until the kubelet has seen its end
        assert list(played.policies) == ["rehearsal"]
        assert played.now_s >= played.firewall_follows_after_s
    assert played.policies == {}
    (spec,) = played.let_in
    assert spec["ingress"] == [{"from": [{"ipBlock": {"cidr": "10.152.0.1/32"}}]}]
    assert steps.notes == ["pod ai/pod on core 1 of the node"]


def test_a_pod_that_is_not_ready_is_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    played = play(Played(ready=False), monkeypatch, tmp_path)
    with (
        pytest.raises(PodsNotReachedError, match="0 pods of role engine are ready in ai"),
        StackInPods(played, "key").engines(DEPLOYED, tmp_path, Steps()),  # type: ignore[arg-type]
    ):
        pass
    assert played.policies == {}


def test_a_firewall_that_never_lets_it_in_is_told(played: Played, tmp_path: Path) -> None:
    played.firewall_follows_after_s = 1e9
    with (
        pytest.raises(PodsNotReachedError, match=r"10.152.128.7:8080 cannot be reached .* lets it in for 60 s"),
        StackInPods(played, "key").engines(DEPLOYED, tmp_path, Steps()),  # type: ignore[arg-type]
    ):
        pass
    assert played.policies == {}


def test_the_ledger_of_the_gateway_is_in_its_pods_volume(played: Played) -> None:
    deployed: Any = Object(configuration=Object(routes=["small"]), document={"ledger": "/var/lib/gateway/ledger.jsonl"})
    gateway = StackInPods(played, "key").gateway(deployed, Steps())  # type: ignore[arg-type]
    assert gateway.url == "http://10.152.128.8:8080"
    assert gateway.key == "key"
    assert gateway.emulator_url == "http://10.152.128.8:8080"
    assert gateway.ledger == Path("/pods/4f/volumes/kubernetes.io~empty-dir/ledger/ledger.jsonl")


def test_an_engine_on_every_core_leaves_none_for_the_load() -> None:
    engine = PodEngine("http://10.0.0.9", "ai/pod", os.getpid(), 4.0, os.getpid)
    assert engine.alive()
    assert not engine.exit_reason()
    with pytest.raises(EnginesDoNotFitError, match="may use every core"):
        in_pods._cores(engine)


def test_an_engine_in_a_pod_is_killed_where_it_runs_now_and_comes_back_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    struck: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: struck.append((pid, number)))
    engine = PodEngine("http://10.0.0.9", "ai/pod", 7, 4.0, lambda: 8)
    engine.kill()
    assert struck == [(8, signal.SIGKILL)]
    assert engine.comes_back
