"""What one tenant sees of another, and what anyone sees of keys and prompts: nothing."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.bodies import WIRES
from tests.gateway.client import ask, post
from tests.gateway.conftest import KEY, TENANTS, UPSTREAM_KEY, GatewayProcess, both_tenants, everything

asked = st.tuples(
    st.sampled_from(sorted(TENANTS)),
    st.sampled_from(sorted(WIRES)),
    st.sampled_from(["claude-sonnet-5", "gpt-5", "llama3.2"]),
    st.booleans(),  # streamed
    st.integers(0, 2),  # of three questions, so that many are repeated
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(asked, min_size=2, max_size=14))
def test_tenants_share_neither_answers_nor_usage(gateway: GatewayProcess, requests: list[tuple[str, str, str, bool, int]]) -> None:
    """Whoever asks what, in whatever order: an answer is its tenant's own, and the ledger bills each tenant what it was told."""
    before = len(gateway.records())
    told = dict.fromkeys(TENANTS, 0)
    bodies: dict[str, set[bytes]] = {name: set() for name in TENANTS}
    for tenant, wire, model, stream, number in requests:
        reply = ask(gateway.url, wire, model, f"question {number}", stream=stream, key=TENANTS[tenant], temperature=0.0, seed=1)
        assert reply.status == 200
        if stream:
            found = re.search(rb"cost_usd=([0-9.]+)", reply.body)
            told[tenant] += 0 if reply.headers.get("x-gateway-cache") or found is None else round(float(found[1]) * 1e9)
        else:
            told[tenant] += round(float(reply.headers["x-gateway-cost-usd"]) * 1e9)
        bodies[tenant].add(reply.headers["x-gateway-request-id"].encode() if wire == "gemini" else identity(reply.body))
    assert not bodies["acme"] & bodies["other"]
    billed = dict.fromkeys(TENANTS, 0)
    for record in gateway.records()[before:]:
        billed[record["tenant"]] += record["nano_usd"]
    streamed_to_gemini = {tenant for tenant, wire, _, stream, _ in requests if wire == "gemini" and stream}  # they are told no cost
    for name in TENANTS:
        assert billed[name] == told[name] or (name in streamed_to_gemini and billed[name] > told[name])


def identity(body: bytes) -> bytes:
    """The id that a provider gave an answer."""
    found = re.search(rb'"id": ?"([^"]+)"', body)
    assert found is not None, body[:200]
    return found[1]


def test_no_tenant_sees_another_s_answer(emulator: str, gateway: GatewayProcess) -> None:
    """The same repeatable request of two tenants: each is asked of the provider once, and only repeats are from the cache."""
    seen: dict[str, list[str]] = {"a": [], "b": []}
    question = f"who am I to you {time.monotonic_ns()}"  # another one for a second try
    for _ in range(2):
        for name, key in (("a", KEY), ("b", "sk-st-other-tenant")):
            reply = ask(gateway.url, "openai", "gpt-5", question, stream=False, key=key, temperature=0.0, seed=7)
            seen[name].append(json.loads(reply.body)["id"])
            seen[name].append(reply.headers.get("x-gateway-cache", "miss"))
    assert seen["a"][0] == seen["a"][2] != seen["b"][0] == seen["b"][2]
    assert [seen[name][at] for name in "ab" for at in (1, 3)] == ["miss", "hit", "miss", "hit"]


def test_neither_prompts_nor_keys_are_in_what_the_gateway_writes(gateway: GatewayProcess) -> None:
    canary = "canary-8c1f0a"
    for stream in (False, True):
        ask(gateway.url, "anthropic", "claude-sonnet-5", f"echo: {canary}", stream=stream)
    ask(gateway.url, "openai", "nobody", canary, stream=False)
    post(f"{gateway.url}/v1/messages", "anthropic", f'{{"model": "claude-sonnet-5", "messages": "{canary}"}}'.encode(), stream=False)
    with urllib.request.urlopen(f"{gateway.url}/metrics", timeout=60) as answer:
        shown = answer.read().decode()
    for text in (shown, gateway.log.read_text(), gateway.ledger.read_text()):
        for secret in (canary, KEY, UPSTREAM_KEY):
            assert secret not in text


def test_no_tenant_repeats_another_s_request_at_the_provider(gateway_of: Callable[[dict[str, Any]], GatewayProcess]) -> None:
    """All tenants share the provider's account, and a provider answers a repeated idempotency key with what it answered before."""
    seen: list[str] = []

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append(self.headers["idempotency-key"])
            self.send_response(400)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    live = gateway_of(everything(f"http://127.0.0.1:{server.server_port}", tenants=both_tenants()))
    body = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}).encode()
    for tenant in ("acme", "acme", "other"):
        url = f"{live.url}/v1/chat/completions"
        post(url, "openai", body, stream=False, key=TENANTS[tenant], headers={"idempotency-key": "the-same"})
    server.shutdown()
    server.server_close()
    assert seen[0] == seen[1] != seen[2]
    assert "the-same" not in seen
