"""What hostile or careless clients send: every answer is a typed error of the client's own, none is a failure of ours."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import socket
import time
import urllib.request
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.gateway.bodies import BASES
from tests.gateway.client import ask, post
from tests.gateway.conftest import KEY, TENANTS, GatewayProcess, attempts_on, both_tenants, control, everything

#: As many as the files that a process may open allow: a gateway needs two for each, a client's and a provider's.
IDLE_STREAMS = min(1000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 600) // 2)


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
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
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
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        connection.sendall(sent)
        assert b" 408 " in connection.recv(4096)


def test_a_body_that_never_ends_is_cut_off(gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        connection.sendall(f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: 500\r\n\r\n{{".encode())
        assert b" 408 " in connection.recv(4096)


@pytest.mark.parametrize("pieces", [1, 40])
def test_a_flood_of_headers_is_refused(pieces: int, gateway: GatewayProcess) -> None:
    flood = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 200) for number in range(400))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        whole = b"GET /healthz HTTP/1.1\r\n" + flood + b"\r\n"
        step = len(whole) // pieces + 1
        try:
            for at in range(0, len(whole), step):
                connection.sendall(whole[at : at + step])
            assert b" 431 " in connection.recv(4096)
        except ConnectionError:
            pass  # refused while we were still sending


def test_keys_are_needed_and_guessing_is_limited(emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]) -> None:
    strict = gateway_of(everything(emulator, tenants=both_tenants(), bounds={"failed_keys_per_min": 5.0}))
    assert ask(strict.url, "openai", "gpt-5", stream=False).status == 200
    statuses = [ask(strict.url, "openai", "gpt-5", stream=False, key=f"sk-{number}").status for number in range(9)]
    assert statuses == [401] * 5 + [429] * 4
    assert ask(strict.url, "openai", "gpt-5", stream=False).status == 200, "a neighbour whose key was right before is served"
    assert ask(strict.url, "openai", "gpt-5", stream=False, key=TENANTS["other"]).status == 429, "a right guess is not told"


def test_more_texts_than_any_provider_takes_are_refused(gateway: GatewayProcess) -> None:
    for count, status in ((2_049, 400), (0, 400)):
        body = json.dumps({"model": "gpt-5", "input": ["x"] * count}).encode()
        assert post(f"{gateway.url}/v1/embeddings", "openai", body, stream=False).status == status


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest/", "http://127.0.0.1:8090/", "http://localhost/a.png", "http://10.0.0.8/x"])
def test_pictures_do_not_lead_into_the_network(url: str, gateway: GatewayProcess) -> None:
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}
    reply = post(f"{gateway.url}/v1/chat/completions", "openai", json.dumps(body).encode(), stream=False)
    assert reply.status == 400


def test_a_client_that_leaves_stops_the_provider_and_pays_for_what_came(
    emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]
) -> None:
    document = everything(emulator)
    document["providers"]["anthropic"] |= {"base_url": f"{emulator}/leaving", "timeouts": {"idle_s": 120.0}}
    live = gateway_of(document)
    control(emulator, "PUT", "faults/leaving", "stall=90")
    body = json.dumps({**BASES["anthropic"], "max_tokens": 500, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", live.port), timeout=60) as connection:
        head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        seen = b""
        while b"content_block_delta" not in seen:
            seen += connection.recv(4096)
        time.sleep(0.3)
    left_s = control(emulator, "GET", "attempts")["now_s"]
    until = time.monotonic() + 90
    while not (gone := [one for one in attempts_on(emulator, "leaving") if one["outcome"] == "client-gone"]) and time.monotonic() < until:
        time.sleep(0.02)
    assert gone, attempts_on(emulator, "leaving")
    assert gone[0]["ended_s"] - left_s < 80  # 0.1 s on a machine of its own; 90 where nobody tells the provider
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
            end = time.monotonic() + 120
            while in_flight(await shown()) and time.monotonic() < end:  # noqa: ASYNC110  # another process decides
                await asyncio.sleep(0.1)
            assert in_flight(await shown()) == 0

    async def shown() -> str:
        return await asyncio.to_thread(lambda: urllib.request.urlopen(f"{live.url}/metrics", timeout=60).read().decode())

    asyncio.run(scene())
    assert len(live.records()) == IDLE_STREAMS + 1  # what came was billed


def in_flight(shown: str) -> float:
    return next(float(line.split()[1]) for line in shown.splitlines() if line.startswith("llm_gateway_in_flight "))
