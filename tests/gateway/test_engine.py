"""The real engine, llama.cpp, behind the gateway: on every wire, streamed and whole, and when it is killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("xllamacpp", reason="needs the project's own dependencies: run `nox -s gateway`")

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from tests.gateway.client import ask
from tests.gateway.conftest import GatewayProcess, provider, tenants, wait_until_it_answers


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[Child, int]]:
    port, folder = free_port(), tmp_path / "engine"
    folder.mkdir()
    command = [sys.executable, "-m", "workloads.engine", f"--port={port}", f"--cache={folder}", "--slots=2"]
    with Child(command, log=folder / "log") as child:
        wait_until_it_answers(f"http://127.0.0.1:{port}/health", folder / "log")
        yield child, port


def test_llama_cpp_on_every_wire_and_a_provider_in_its_place_when_it_is_killed(
    engine: tuple[Child, int], emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]
) -> None:
    child, port = engine
    document = {
        "providers": {
            "engine": {
                "dialect": "openai",
                "base_url": f"http://127.0.0.1:{port}",
                "label": "local",
                "price": {"input": "0.02", "output": "0.08"},
            },
            "cloud": provider(emulator, "gemini", "in-its-place"),
        },
        "routes": {
            "small": {
                "targets": [{"provider": "engine", "model": "synthetic"}],
                "fallbacks": [{"provider": "cloud", "model": "gemini-3.8-flash"}],
            }
        },
        "tenants": tenants(),
    }
    live = gateway_of(document)
    for wire in ("anthropic", "openai", "gemini"):
        whole = ask(live.url, wire, "small", "hello", stream=False)
        assert (whole.status, whole.headers["x-gateway-provider"]) == (200, "local"), whole.body
        streamed = ask(live.url, wire, "small", "hello")
        assert streamed.error is None
        assert streamed.result is not None
        assert streamed.result.ended
        assert (streamed.result.answer.usage.output_tokens or 0) > 0
    counted = json.loads(ask(live.url, "openai", "small", "hello", stream=False).body)["usage"]
    record = live.records()[-1]
    assert record["input"] + record["cache_read"] == counted["prompt_tokens"]
    assert record["nano_usd"] > 0
    assert record["doubts"] == []
    child.process.kill()
    child.process.wait()
    replies = [ask(live.url, "openai", "small", "hello", stream=stream) for stream in (False, True) for _ in range(3)]
    assert {reply.headers["x-gateway-provider"] for reply in replies} == {"gemini"}
    assert all(reply.status == 200 and reply.error is None for reply in replies)
