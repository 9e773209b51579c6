"""Why pods are not ready, as an operator would find out with ``kubectl describe`` and ``kubectl logs``: reason, events, last log lines.

Rule: this explains a failure that has already happened. Whatever it may not read, or cannot reach, it leaves out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, Final

_TIMEOUT_S: Final = 10
_PODS, _EVENTS, _LOG_LINES, _WIDTH = 3, 3, 6, 240


def unready_pods(api: Any, namespaces: Collection[str]) -> list[str]:
    """Return lines about the pods in ``namespaces`` that are not ready, the first of each controller, three at most.

    Args:
        api: ``kubernetes.client.ApiClient`` of a cluster whose pods really run.
        namespaces: Where to look.
    """
    from kubernetes import client
    from urllib3.exceptions import HTTPError

    core: Any = client.CoreV1Api(api)
    lines: list[str] = []
    with suppress(client.ApiException, HTTPError, OSError):
        pods: Any = core.list_pod_for_all_namespaces(_request_timeout=_TIMEOUT_S).items
        known: set[str] = set()
        for pod in sorted(pods, key=lambda pod: (pod.metadata.namespace, pod.metadata.name)):
            owner = pod.metadata.owner_references[0].uid if pod.metadata.owner_references else pod.metadata.uid
            if pod.metadata.namespace in namespaces and owner not in known and _is_unready(pod):
                known.add(owner)
                lines += _described(core, pod)
                if len(known) == _PODS:
                    break
    return lines


def _is_unready(pod: Any) -> bool:
    if pod.status.phase == "Succeeded":
        return False
    return not any(condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions or ())


def _described(core: Any, pod: Any) -> Iterator[str]:
    from kubernetes import client
    from urllib3.exceptions import HTTPError

    name, namespace = pod.metadata.name, pod.metadata.namespace
    faulty = next(filter(_is_faulty, [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]), None)
    yield f"pod {namespace}/{name}{f', container {faulty.name}' if faulty else ''}: {_reason(pod, faulty)}"
    with suppress(client.ApiException, HTTPError, OSError):
        selector = f"involvedObject.uid={pod.metadata.uid},type=Warning"
        events: Any = core.list_namespaced_event(namespace, field_selector=selector, _request_timeout=_TIMEOUT_S).items
        latest = sorted(events, key=lambda event: str(event.last_timestamp or event.event_time or ""))[-_EVENTS:]
        yield from (f"  event: {event.reason}: {_short(event.message)}" for event in latest)
    if faulty and (faulty.restart_count or faulty.state.running or faulty.state.terminated):
        with suppress(client.ApiException, HTTPError, OSError):
            before = bool(faulty.restart_count and faulty.state.waiting)  # the container that failed, not the one that is to come
            options = {"container": faulty.name, "previous": before, "tail_lines": _LOG_LINES, "_request_timeout": _TIMEOUT_S}
            yield from (f"  log: {_short(line)}" for line in str(core.read_namespaced_pod_log(name, namespace, **options)).splitlines())


def _is_faulty(status: Any) -> bool:
    state = status.state
    return not status.ready and not (state.terminated and state.terminated.exit_code == 0)


def _reason(pod: Any, faulty: Any) -> str:
    if faulty is None:
        unmet = [condition for condition in pod.status.conditions or () if condition.status != "True"]
        return _short(unmet[0].message or unmet[0].reason or unmet[0].type) if unmet else str(pod.status.phase)
    state, last = faulty.state, faulty.last_state.terminated if faulty.last_state else None
    ended = state.terminated or last
    words = []
    if state.waiting:
        words.append(state.waiting.reason or "waiting")
        if not ended and state.waiting.message:
            words.append(_short(state.waiting.message))
    elif state.running:
        words.append("runs, but its readiness probe fails")
    if ended:
        words.append(f"ended with exit code {ended.exit_code} ({ended.reason})")
    if faulty.restart_count:
        words.append(f"restarted {faulty.restart_count} times" if faulty.restart_count > 1 else "restarted once")
    return ", ".join(words)


def _short(text: str) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]} …"
