"""Clients that are slow on purpose, or send what is no request: they wait in vain, and nobody else does."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from foundation.processes.free_port import free_port
from tests.gateway.bodies import BASES
from tests.gateway.client import ask, post
from tests.gateway.conftest import KEY, GatewayProcess, control, everything, started
from tests.gateway.test_operations import until

HEAD = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n"


def connected(gateway: GatewayProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=60)


def everything_from(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


def test_a_body_that_never_begins_is_cut_off(gateway: GatewayProcess) -> None:
    with connected(gateway) as connection:
        connection.sendall(f"{HEAD}content-length: 500\r\n\r\n".encode())
        assert everything_from(connection).startswith(b"HTTP/1.1 408 ")


def test_websockets_are_not_spoken(gateway: GatewayProcess) -> None:
    with connected(gateway) as connection:
        upgrade = (
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        connection.sendall(f"GET /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n{upgrade}\r\n".encode())
        assert b" 405 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_long_path_counts_as_head(gateway: GatewayProcess) -> None:
    with connected(gateway) as connection:
        connection.sendall(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        assert everything_from(connection).startswith(b"HTTP/1.1 431 ")


def test_an_endless_head_behind_a_request_in_hand_is_cut_off(emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]) -> None:
    document = everything(emulator)
    document["providers"]["anthropic"]["base_url"] = f"{emulator}/in-hand"
    live = gateway_of(document)
    control(emulator, "PUT", "faults/in-hand", "slow-start=20")
    body = json.dumps(BASES["anthropic"]).encode()
    before = psutil.Process(live.child.process.pid).memory_info().rss
    with connected(live) as connection:
        connection.sendall(f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body + b"GET /healthz HTTP/1.1\r\n")
        endless = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 60_000) for number in range(400))
        with pytest.raises(ConnectionError):
            connection.sendall(endless)
    assert psutil.Process(live.child.process.pid).memory_info().rss - before < 20e6
    assert until(lambda: not in_flight(live)), "the request before it went, too"


@pytest.mark.parametrize("closes", [True, False])
def test_an_upload_with_a_wrong_key_sees_why_it_was_refused(closes: bool, gateway: GatewayProcess) -> None:
    if closes:
        assert post(f"{gateway.url}/v1/messages", "anthropic", b"x" * 20_000_000, stream=False, key="wrong").status == 401
        return
    with connected(gateway) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: no\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        seen = everything_from(connection)
        assert seen.startswith(b"HTTP/1.1 401 ")
        assert b"HTTP/1.1 200 " in seen, "the connection can be used on"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_never_reads_is_cut_off_and_no_provider_is_blamed(
    stream: bool, gateway_of: Callable[[dict[str, Any]], GatewayProcess], tmp_path: Path
) -> None:
    profile, port = tmp_path / "generous.json", free_port()
    profile.write_text(json.dumps({"ttft_ms": 0, "tpot_ms": 0, "context_tokens": 10**8, "prompt_tokens_per_s": 1e12}))
    child = started("workloads.emulator", [f"--profile={profile}"], port, tmp_path / "log")
    document = everything(f"http://127.0.0.1:{port}", bounds={"unread_timeout_s": 1.5})
    document["providers"]["anthropic"]["timeouts"] = {"idle_s": 0.5, "first_byte_s": 5.0}
    document["routes"]["claude-sonnet-5"]["targets"][0]["context_tokens"] = 10**8
    live = gateway_of(document)
    words = " ".join(["y" * 60_000] * 250)
    asked = {"model": "claude-sonnet-5", "max_tokens": 100_000, "messages": [{"role": "user", "content": f"echo: {words}"}]}
    body = json.dumps({**asked, "stream": stream}).encode()
    with ExitStack() as held:
        held.push(child)
        for _ in range(4):  # one more than a breaker needs
            connection = held.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.connect(("127.0.0.1", live.port))
            connection.sendall(f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body)
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        process = psutil.Process(live.child.process.pid)
        assert until(lambda: not in_flight(live) and len(established(process, live.port)) == 0), "their connections are gone"
        assert len(live.records()) == 4
        assert ask(live.url, "anthropic", "claude-sonnet-5", stream=False).status == 200
        assert breaker_is_closed(live)


def established(process: psutil.Process, port: int) -> list[Any]:
    return [one for one in process.net_connections() if one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED]


def in_flight(gateway: GatewayProcess) -> float:
    return sample(gateway, "llm_gateway_in_flight ")


def breaker_is_closed(gateway: GatewayProcess) -> bool:
    return sample(gateway, 'llm_gateway_breaker_open{target="anthropic/claude-sonnet-5"} ') == 0


def sample(gateway: GatewayProcess, name: str) -> float:
    with urllib.request.urlopen(f"{gateway.url}/metrics", timeout=60) as answer:
        return next(float(line.removeprefix(name)) for line in answer.read().decode().splitlines() if line.startswith(name))
