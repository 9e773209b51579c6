"""What is told of pods that are not ready."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client

from stacks.deployment import pods
from stacks.deployment.pods import unready_pods


def pod(name: str, *, ready: bool = False, owner: str | None = None, phase: str = "Running", containers: tuple[Any, ...] = ()) -> Any:
    owners = [SimpleNamespace(uid=owner)] if owner else None
    metadata = SimpleNamespace(name=name, namespace="ai", uid=name, owner_references=owners)
    condition = SimpleNamespace(type="Ready", status=str(ready), reason="ContainersNotReady", message="containers with unready status")
    status = SimpleNamespace(phase=phase, conditions=[condition], init_container_statuses=None, container_statuses=list(containers))
    return SimpleNamespace(metadata=metadata, status=status)


def container(name: str = "engine", *, restarts: int = 0, waiting: str = "", exit_code: int | None = None, message: str = "") -> Any:
    ended = None if exit_code is None else SimpleNamespace(exit_code=exit_code, reason="Error")
    running = None if waiting else object()
    state = SimpleNamespace(waiting=SimpleNamespace(reason=waiting, message=message) if waiting else None, running=running, terminated=None)
    return SimpleNamespace(name=name, ready=False, restart_count=restarts, state=state, last_state=SimpleNamespace(terminated=ended))


class Api:
    """A core API with these pods; ``log`` is what their containers said."""

    def __init__(self, *listed: Any, log: str = "") -> None:
        self.listed, self.log, self.asked = listed, log, []  # type: tuple[Any, ...], str, list[dict[str, Any]]

    def list_pod_for_all_namespaces(self, **_: Any) -> Any:
        return SimpleNamespace(items=self.listed)

    def list_namespaced_event(self, *_: Any, **__: Any) -> Any:
        event = SimpleNamespace(reason="BackOff", message="Back-off  restarting\nfailed container", last_timestamp=1, event_time=None)
        return SimpleNamespace(items=[event])

    def read_namespaced_pod_log(self, *_: Any, **options: Any) -> str:
        self.asked.append(options)
        return self.log


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    def tell(api: Any) -> list[str]:
        monkeypatch.setattr(client, "CoreV1Api", lambda _: api)
        return unready_pods(None, {"ai"})

    return tell


def test_a_crash_is_told_with_its_exit_code_its_events_and_the_words_of_the_one_before(told: Any) -> None:
    api = Api(pod("a", containers=(container(waiting="CrashLoopBackOff", exit_code=3, restarts=2),)), log="one\ntwo")
    assert told(api) == [
        "pod ai/a, container engine: CrashLoopBackOff, ended with exit code 3 (Error), restarted 2 times",
        "  event: BackOff: Back-off restarting failed container",
        "  log: one",
        "  log: two",
    ]
    assert api.asked[0]["previous"] is True


def test_an_image_that_cannot_be_pulled_has_no_log(told: Any) -> None:
    api = Api(pod("a", containers=(container(waiting="ErrImagePull", message="not found"),)))
    assert told(api)[0] == "pod ai/a, container engine: ErrImagePull, not found"
    assert api.asked == []


def test_one_pod_a_controller_and_no_pod_that_is_well(told: Any) -> None:
    api = Api(
        pod("a", owner="x"), pod("b", owner="x"), pod("c", ready=True), pod("d", phase="Succeeded"), pod("e", containers=(container(),))
    )
    heads = [line for line in told(api) if line.startswith("pod")]
    assert heads == ["pod ai/a: containers with unready status", "pod ai/e, container engine: runs, but its readiness probe fails"]


def test_what_may_not_be_read_is_left_out(told: Any) -> None:
    api = Api(pod("a", containers=(container(),)))

    def forbidden(*_: Any, **__: Any) -> Any:
        raise client.ApiException(status=403)

    api.list_namespaced_event = api.read_namespaced_pod_log = forbidden  # type: ignore[method-assign]
    assert told(api) == ["pod ai/a, container engine: runs, but its readiness probe fails"]
    api.list_pod_for_all_namespaces = forbidden  # type: ignore[method-assign]
    assert told(api) == []


def test_a_cluster_with_many_is_told_of_with_three(told: Any) -> None:
    found = told(Api(*(pod(f"p{number}") for number in range(9))))
    assert len([line for line in found if line.startswith("pod")]) == pods._PODS
