"""A request's trace, from the gateway over both collectors into the store."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, NotHereError, NotRunError, require, wait_until
from sandtable.jobs.verify.pod_http import Server
from stacks.components import places
from stacks.components.telemetry.backends import QUERY
from stacks.graph import labels

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_CANARY: Final = "a text that no trace may tell"
_WITHIN_S: Final = 150.0
_POLL_S: Final = 1.0


def traced(ground: Ground) -> str:
    """Send a request with a trace of ours to the gateway, and find the trace with the pod that served it, and without its text."""
    gateway = ground.environment.gateway
    if gateway is None or ground.environment.telemetry.trace_store != "jaeger":
        raise NotHereError("it has no gateway, or no store for traces")
    store = Server(ground, ground.pods_with(places.TELEMETRY, {"app.kubernetes.io/component": "jaeger"}, "Jaeger")[0], QUERY)
    (pod, *_) = ground.pods_with(places.AI, {labels.ROLE: labels.ROLE_GATEWAY}, "the gateway")
    trace, invented = secrets.token_hex(16), secrets.token_hex(16)
    headers = {"Authorization": f"Bearer {ground.secret('gateway_token')}", "Content-Type": "application/json"}
    question = {"model": next(iter(gateway.routes)), "max_tokens": 4, "messages": [{"role": "user", "content": _CANARY}]}
    answer = Server(ground, pod, pod.ports[0]).ask(
        "POST", "/v1/chat/completions", question, {**headers, "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    )
    if not answer.ok:
        raise NotRunError(f"the gateway answers a request with {answer.status}: {str(answer.body)[:200]}")
    found = wait_until(lambda: _spans(store, trace), "the trace of a request is not in the store", within_s=_WITHIN_S, poll_s=_POLL_S)
    spans = found.answer
    told = {tag["key"]: tag["value"] for span in spans for tag in (*span["tags"], *span["process"]["tags"])}
    require(told.get("k8s.pod.name") == pod.name, f"the trace names the pod {told.get('k8s.pod.name')} in place of {pod.name}")
    require(_CANARY not in str(spans), "the trace tells what the user wrote")
    require(not _spans(store, invented), "an invented trace is in the store")
    return f"a request's trace is in the store {found.seconds:.0f} s later, with its pod and without its text; an invented one is not"


def _spans(store: Server, trace: str) -> list[dict[str, Any]]:
    """Return the spans of a trace, each with its ``process``; none if the store does not know it."""
    reply = store.ask("GET", f"/api/traces/{trace}")
    found: list[Mapping[str, Any]] = reply.body["data"] if reply.ok else []
    return [{**span, "process": one["processes"][span["processID"]]} for one in found or () for span in one["spans"]]


def checks() -> Iterator[Check]:
    """Yield the check of traces."""
    yield Check(
        "trace",
        "telemetry",
        "a request's trace is found in the store, with the pod that served it",
        "an invented trace is not there, nor is what the user wrote",
        traced,
        needs_pods=True,
    )
