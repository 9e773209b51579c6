"""What hostile or careless clients send: every answer is a typed error of the client's own, none is a failure of ours."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import time
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.dialects.paths import chat_path
from tests.gateway.client import ask, post
from tests.gateway.conftest import KEY, UPSTREAM_KEY, GatewayProcess, attempts_on, control, everything
from workloads.gateway.configuration.loading import digest_of

#: Cases a wire; the issue's 10,000 by `GATEWAY_FUZZ_CASES=10000 nox -s gateway`.
CASES = int(os.environ.get("GATEWAY_FUZZ_CASES", "400"))
BOUNDS = {"max_body_bytes": 2_000_000, "body_timeout_s": 1.0, "head_timeout_s": 1.0, "max_head_bytes": 16_384, "failed_keys_per_min": 1e6}
WIRES = {"anthropic": "claude-sonnet-5", "openai": "gpt-5", "gemini": "gemini-3.8-flash"}


@pytest.fixture(scope="module")
def gateway(emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]) -> GatewayProcess:
    two = {name: {"keys": [{"id": "one", "sha256": digest_of(key)}]} for name, key in (("acme", KEY), ("other", "sk-st-other-tenant"))}
    return gateway_of(everything(emulator, tenants=two, bounds=BOUNDS))


KEYS = [
    "model",
    "messages",
    "role",
    "content",
    "type",
    "text",
    "tools",
    "function",
    "name",
    "parts",
    "contents",
    "image_url",
    "url",
    "source",
    "input",
    "id",
    "max_tokens",
    "tool_calls",
    "system",
    "stream",
    "stream_options",
    "response_format",
    "functionCall",
    "args",
    "generationConfig",
    "temperature",
    "tool_choice",
    "metadata",
    "thinking",
    "stop",
]
SHAPES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["user", "assistant", "text", "tool", "auto"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
BASES: dict[str, dict[str, Any]] = {
    "anthropic": {"model": "claude-sonnet-5", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
    "openai": {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]},
    "gemini": {"contents": [{"parts": [{"text": "x"}]}]},
}


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("target", ["same", "other"])
@pytest.mark.parametrize("wire", WIRES)
def test_no_document_makes_the_gateway_fail(wire: str, target: str, gateway: GatewayProcess) -> None:
    """Each case is sent over one kept connection; 5xx of any kind, a traceback and a closed connection all fail the test."""
    model = WIRES[wire] if target == "same" else "llama3.2"
    headers = {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21", "content-type": "application/json"}
    loop = asyncio.new_event_loop()
    session: list[aiohttp.ClientSession] = []

    async def send(body: bytes) -> int:
        if not session:
            session.append(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)))
        url = gateway.url + chat_path(wire, model, stream=False)
        async with session[0].post(url, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    @settings(max_examples=CASES // 2, suppress_health_check=list(HealthCheck))
    @given(document=SHAPES, merge=st.booleans(), noise=st.none() | st.binary(max_size=20))
    def case(document: Any, merge: bool, noise: bytes | None) -> None:
        if merge and isinstance(document, dict):
            document = {**BASES[wire], **document, **({"model": model} if wire != "gemini" else {})}
        body = json.dumps(document).encode()
        if noise is not None:
            at = len(body) // 2
            body = body[:at] + noise + body[at:]
        status = loop.run_until_complete(send(body))
        assert status in (200, 400, 401, 403, 404, 413, 415, 422, 429), (status, body)

    try:
        case()
    finally:
        if session:
            loop.run_until_complete(session[0].close())
        loop.close()
    assert "Traceback" not in gateway.log.read_text()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"null", 400), (b"[" * 90_000, 400), (b'{"a":' * 90_000, 400), (b"\xff\xfe", 400), (b'{"model":"gpt-5","messages":[{"role":"user","content":"\\ud800"}]}', 400),
        (b'{"model": "nobody", "messages": []}', 404), (b'{"model":"gpt-5","messages":"x"}', 400), (b"x" * 2_100_000, 413),
        (json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "x"}], "n": 10**400}).encode(), 400),
    ],
)  # fmt: skip
def test_malformed_bodies(body: bytes, status: int, gateway: GatewayProcess) -> None:
    reply = post(f"{gateway.url}/v1/chat/completions", "openai", body, stream=False)
    assert reply.status in (status, 200) if b"10000" in body[:200] else reply.status == status, reply
    if reply.status != 200:
        assert reply.error is not None
        assert reply.error.message


def test_a_hundred_megabytes_are_refused_before_they_are_read(gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: 104857600\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_decompression_bombs_are_not_unpacked(gateway: GatewayProcess) -> None:
    bomb = gzip.compress(b"0" * 300_000_000, compresslevel=9)
    assert len(bomb) < 400_000
    before = rss_mb(gateway)
    reply = post(f"{gateway.url}/v1/messages", "anthropic", bomb, stream=False, headers={"content-encoding": "gzip"})
    assert reply.status == 413
    assert rss_mb(gateway) - before < 40
    small = zlib.compress(json.dumps(BASES["anthropic"]).encode())
    assert post(f"{gateway.url}/v1/messages", "anthropic", small, stream=False, headers={"content-encoding": "deflate"}).status == 200
    assert post(f"{gateway.url}/v1/messages", "anthropic", small, stream=False, headers={"content-encoding": "br"}).status == 400


def rss_mb(gateway: GatewayProcess) -> float:
    import psutil

    return float(psutil.Process(gateway.child.process.pid).memory_info().rss / 1e6)


@pytest.mark.parametrize("sent", [b"", b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n", b"POST / HTTP/1.1\r\nx: "])
def test_a_head_that_never_ends_is_cut_off(sent: bytes, gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        assert b" 408 " in connection.recv(4096)
        assert time.monotonic() - began < 10


def test_a_body_that_never_ends_is_cut_off(gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: 500\r\n\r\n{{".encode())
        assert b" 408 " in connection.recv(4096)


@pytest.mark.parametrize("pieces", [1, 40])
def test_a_flood_of_headers_is_refused(pieces: int, gateway: GatewayProcess) -> None:
    flood = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 200) for number in range(400))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        whole = b"GET /healthz HTTP/1.1\r\n" + flood + b"\r\n"
        step = len(whole) // pieces + 1
        try:
            for at in range(0, len(whole), step):
                connection.sendall(whole[at : at + step])
            assert b" 431 " in connection.recv(4096)
        except ConnectionError:
            pass  # refused while we were still sending


def test_keys_are_needed_and_guessing_is_limited(emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]) -> None:
    strict = gateway_of(everything(emulator, bounds={"failed_keys_per_min": 5.0}))
    statuses = [ask(strict.url, "openai", "gpt-5", stream=False, key=f"sk-{number}").status for number in range(9)]
    assert statuses == [401] * 5 + [429] * 4


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest/", "http://127.0.0.1:8090/", "http://localhost/a.png", "http://10.0.0.8/x"])
def test_pictures_do_not_lead_into_the_network(url: str, gateway: GatewayProcess) -> None:
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}
    reply = post(f"{gateway.url}/v1/chat/completions", "openai", json.dumps(body).encode(), stream=False)
    assert reply.status == 400


def test_a_client_that_leaves_stops_the_provider_and_pays_for_what_came(
    emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]
) -> None:
    document = everything(emulator)
    document["providers"]["anthropic"]["base_url"] = f"{emulator}/leaving"
    live = gateway_of(document)
    control(emulator, "PUT", "faults/leaving", "stall=20")
    body = json.dumps({**BASES["anthropic"], "max_tokens": 500, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        seen = b""
        while b"content_block_delta" not in seen:
            seen += connection.recv(4096)
        time.sleep(0.3)
    left_s = control(emulator, "GET", "attempts")["now_s"]
    until = time.monotonic() + 10
    while not (gone := [one for one in attempts_on(emulator, "leaving") if one["outcome"] == "client-gone"]) and time.monotonic() < until:
        time.sleep(0.02)
    assert gone, attempts_on(emulator, "leaving")
    assert gone[0]["ended_s"] - left_s < 1.0  # 0.1 s on a machine of its own; a test must not fail by its neighbours
    (record,) = live.records()
    assert record["nano_usd"] > 0
    assert record["output"] > 0
    assert record["error"] == "connection"


def test_idle_streams_by_the_hundred_leave_room(emulator: str, gateway: GatewayProcess) -> None:
    async def scene() -> int:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            idle = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(500)]
            async with session.get(f"{gateway.url}/healthz") as answer:
                status = answer.status
            for _, writer in idle:
                writer.close()
            return status

    assert asyncio.run(scene()) == 200


def test_no_tenant_sees_another_s_answer(emulator: str, gateway: GatewayProcess) -> None:
    """The same repeatable request of two tenants: each is asked of the provider once, and only repeats are from the cache."""
    seen: dict[str, list[str]] = {"a": [], "b": []}
    for _ in range(2):
        for name, key in (("a", KEY), ("b", "sk-st-other-tenant")):
            reply = ask(gateway.url, "openai", "gpt-5", "who am I to you", stream=False, key=key, temperature=0.0, seed=7)
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
    import urllib.request

    with urllib.request.urlopen(f"{gateway.url}/metrics", timeout=20) as answer:
        shown = answer.read().decode()
    for text in (shown, gateway.log.read_text(), gateway.ledger.read_text()):
        for secret in (canary, KEY, UPSTREAM_KEY):
            assert secret not in text
