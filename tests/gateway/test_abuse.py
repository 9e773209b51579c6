"""What hostile or careless clients send: every answer is a typed error of the client's own, none is a failure of ours."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import resource
import socket
import time
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.dialects.paths import chat_path
from tests.gateway.client import ask, post
from tests.gateway.conftest import KEY, UPSTREAM_KEY, GatewayProcess, attempts_on, control, everything
from workloads.gateway.configuration.loading import digest_of

#: Cases a wire.
CASES = int(os.environ.get("GATEWAY_FUZZ_CASES", "10000"))
#: As many as the files that a process may open allow: a gateway needs two for each, a client's and a provider's.
IDLE_STREAMS = min(1000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 600) // 2)
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
ATOMS: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    10**30,
    0.5,
    -1e300,
    "",
    "x",
    "user",
    "assistant",
    "model",
    "tool",
    "text",
    "auto",
    "image_url",
    "\x00",
    "é\u2028",
    "data:image/png;base64,AAAA",
    "https://example.org/a.png",
    [],
    {},
]


def anything(random: Random, depth: int = 0) -> Any:
    """Return a document of the wires' own words in places where they do not belong."""
    kind = random.random()
    if depth > 4 or kind < 0.35:
        return random.choice(ATOMS)
    if kind < 0.6:
        return [anything(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): anything(random, depth + 1) for _ in range(random.randrange(6))}


def mutated(random: Random, value: Any) -> Any:
    """Return a valid document with one place changed."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = random.choice(list(value))
        return {**value, key: mutated(random, value[key])} if random.random() < 0.8 else {**value, random.choice(KEYS): anything(random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        at = random.randrange(len(value))
        return [*value[:at], mutated(random, value[at]), *value[at + 1 :]]
    return anything(random)


def fuzzed(random: Random, base: dict[str, Any]) -> bytes:
    """Return a body: a mutation, something else altogether, or bytes that are no JSON."""
    document = base
    for _ in range(random.randrange(1, 4)):
        document = mutated(random, document)
    if random.random() < 0.15:
        document = anything(random)
    body = json.dumps(document).encode()
    if random.random() < 0.1:
        at = random.randrange(len(body) + 1)
        body = body[:at] + random.randbytes(random.randrange(1, 9)) + body[at + random.randrange(3) :]
    return body


TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
BASES: dict[str, dict[str, Any]] = {
    "anthropic": {
        "model": "claude-sonnet-5", "max_tokens": 9, "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}], "tools": [TOOL], "tool_choice": {"type": "auto"}, "thinking": {"type": "adaptive"}, "metadata": {"user_id": "u"},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]}, {"role": "assistant", "content": [{"type": "tool_use", "id": "i", "name": "f", "input": {"a": "b"}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": "r"}]}],
    },
    "openai": {
        "model": "gpt-5", "max_tokens": 9, "temperature": 0.5, "stop": ["END"], "stream_options": {"include_usage": True}, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}, {"role": "assistant", "content": None, "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "i", "content": "r"}],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "s"}]}, "generationConfig": {"maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 0}}, "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}], "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "contents": [{"role": "user", "parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]}, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "r"}}}]}],
    },
}  # fmt: skip
ACCEPTED = {200, 400, 401, 403, 404, 413, 415, 422, 429}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("target", ["claude-sonnet-5", "gpt-5", "gemini-3.8-flash", "llama3.2"])
@pytest.mark.parametrize("wire", WIRES)
def test_no_document_makes_the_gateway_fail(wire: str, target: str, gateway: GatewayProcess) -> None:
    """A 5xx of any kind, a closed connection and a traceback all fail the test; the seed is in the body's place in the run."""
    headers = {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21", "content-type": "application/json"}
    random = Random(f"{wire}/{target}")
    bodies = [fuzzed(random, {**BASES[wire], **({"model": target} if wire != "gemini" else {})}) for _ in range(CASES // 4)]
    url = gateway.url + chat_path(wire, target, stream=False)
    seen: Counter[int] = Counter()

    async def scene() -> None:
        todo = iter(bodies)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

            async def one() -> None:
                for body in todo:
                    async with session.post(url, data=body, headers=headers) as answer:
                        text = await answer.read()
                        seen[answer.status] += 1
                        assert answer.status in ACCEPTED, (answer.status, body, text)

            await asyncio.gather(*(one() for _ in range(16)))

    asyncio.run(scene())
    assert seen.total() == CASES // 4
    assert seen[200] > 0
    assert seen[400] > 0
    assert "Traceback" not in gateway.log.read_text()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"null", 400), (b"[" * 90_000, 400), (b'{"a":' * 90_000, 400), (b"\xff\xfe", 400), (b'{"model":"gpt-5","messages":[{"role":"user","content":"\\ud800"}]}', 400),
        (b'{"model": "nobody", "messages": []}', 404), (b'{"model":"gpt-5","messages":"x"}', 400),
        (json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "x"}], "n": 10**400}).encode(), 400),
    ],
)  # fmt: skip
def test_malformed_bodies(body: bytes, status: int, gateway: GatewayProcess) -> None:
    reply = post(f"{gateway.url}/v1/chat/completions", "openai", body, stream=False)
    assert reply.status in (status, 200) if b"10000" in body[:200] else reply.status == status, reply
    if reply.status != 200:
        assert reply.error is not None
        assert reply.error.message


@pytest.mark.parametrize("length", [2_100_000, 104_857_600])
def test_large_bodies_are_refused_before_they_are_read(length: int, gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_client_that_sends_on_sees_why_it_was_refused(gateway: GatewayProcess) -> None:
    """Most clients read an answer only after they have sent everything: a connection that was reset would be all that they see."""
    for _ in range(5):
        reply = post(f"{gateway.url}/v1/messages", "anthropic", b"x" * 30_000_000, stream=False)
        assert reply.status == 413


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


def test_a_thousand_idle_streams_leave_room_and_go_with_their_clients(
    emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]
) -> None:
    document = everything(emulator)
    document["providers"]["anthropic"] |= {"base_url": f"{emulator}/idle-streams", "timeouts": {"idle_s": 120.0}}
    live = gateway_of(document)
    control(emulator, "PUT", "faults/idle-streams", "stall=100")
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    body = json.dumps({"model": "claude-sonnet-5", "stream": True, "messages": [{"role": "user", "content": "tell me more"}]})

    async def scene() -> None:
        connector, patient = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=120)
        async with aiohttp.ClientSession(connector=connector, timeout=patient) as session:
            room = asyncio.Semaphore(100)

            async def idle() -> aiohttp.ClientResponse:
                async with room:
                    answer = await session.post(f"{live.url}/v1/chat/completions", data=body, headers=headers)
                    assert answer.status == 200
                    await answer.content.readany()
                    return answer

            open_ = await asyncio.gather(*(idle() for _ in range(IDLE_STREAMS)))
            connections = [await asyncio.open_connection("127.0.0.1", live.port) for _ in range(500)]  # that never say a word
            assert in_flight(await shown()) == IDLE_STREAMS
            other = await asyncio.to_thread(ask, live.url, "openai", "gpt-5", stream=False)
            assert other.status == 200
            for answer in open_:
                answer.close()
            for _, writer in connections:
                writer.close()
            end = time.monotonic() + 30
            while in_flight(await shown()) and time.monotonic() < end:  # noqa: ASYNC110  # another process decides
                await asyncio.sleep(0.1)
            assert in_flight(await shown()) == 0

    async def shown() -> str:
        return await asyncio.to_thread(lambda: urllib.request.urlopen(f"{live.url}/metrics", timeout=20).read().decode())

    asyncio.run(scene())
    assert len(live.records()) == IDLE_STREAMS + 1  # what came was billed


def in_flight(shown: str) -> float:
    return next(float(line.split()[1]) for line in shown.splitlines() if line.startswith("llm_gateway_in_flight "))


TENANTS = {"acme": KEY, "other": "sk-st-other-tenant"}
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
    with urllib.request.urlopen(f"{gateway.url}/metrics", timeout=20) as answer:
        shown = answer.read().decode()
    for text in (shown, gateway.log.read_text(), gateway.ledger.read_text()):
        for secret in (canary, KEY, UPSTREAM_KEY):
            assert secret not in text
