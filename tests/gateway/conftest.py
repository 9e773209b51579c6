"""Emulator and gateway as processes; without their dependency group these tests are skipped."""

from __future__ import annotations

import pytest

pytest.importorskip("uvicorn", reason="needs the dependency group `gateway`: run `nox -s gateway`")

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from workloads.gateway.configuration.loading import digest_of

ROOT = Path(__file__).parents[2]
KEY = "sk-st-test-key"
TENANTS = {"acme": KEY, "other": "sk-st-other-tenant"}
UPSTREAM_KEY = "sk-upstream-canary"
START_LIMIT_S = 120.0


def started(module: str, arguments: list[str], port: int, log: Path) -> Child:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "UPSTREAM_KEY": UPSTREAM_KEY}
    child = Child([sys.executable, "-m", module, f"--port={port}", *arguments], env=environment, log=log)
    child.__enter__()
    path = "/health" if module.endswith("emulator") else "/healthz"
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}{path}", log)
    except BaseException:
        child.__exit__(None, None, None)
        raise
    return child


def wait_until_it_answers(url: str, log: Path) -> None:
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} did not answer:\n{log.read_text()}")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, folder = free_port(), tmp_path_factory.mktemp("emulator")
    # Paced, so that what a client has seen before a fault strikes does not hang on how the system cuts the bytes.
    profile = folder / "paced.json"
    profile.write_text(json.dumps({"ttft_ms": 1, "ttft_sigma": 0, "tpot_ms": 4, "tpot_sigma": 0, "output_tokens": 16, "output_sigma": 0}))
    child = started("workloads.emulator", [f"--profile={profile}"], port, folder / "log")
    yield f"http://127.0.0.1:{port}"
    child.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def _nothing_happened_yet(request: pytest.FixtureRequest) -> None:
    """Empty the emulator's log and end its faults: they are another test's, or those of an earlier try."""
    if "emulator" in request.fixturenames:
        control(request.getfixturevalue("emulator"), "DELETE", "attempts")


class GatewayProcess:
    """A gateway that runs."""

    def __init__(self, document: dict[str, Any], folder: Path) -> None:
        self.folder = folder
        self.config = folder / "gateway.json"
        self.log = folder / "log"
        self.ledger = folder / "ledger.jsonl"
        self.write({"ledger": str(self.ledger), **document})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.child = started("workloads.gateway", [f"--config={self.config}"], self.port, self.log)

    def write(self, document: dict[str, Any]) -> None:
        self.document = document
        self.config.write_text(json.dumps(document))

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ledger.read_text().splitlines()]


@pytest.fixture(scope="session")
def gateway_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict[str, Any]], GatewayProcess]]:
    running: list[GatewayProcess] = []

    def start(document: dict[str, Any]) -> GatewayProcess:
        running.append(GatewayProcess(document, tmp_path_factory.mktemp("gateway")))
        return running[-1]

    yield start
    for one in running:
        one.child.__exit__(None, None, None)
        assert "Traceback" not in one.log.read_text()


def provider(emulator: str, dialect: str, name: str, **changes: Any) -> dict[str, Any]:
    label = {"openai": "openai-like"}.get(dialect, dialect)
    price = {"price": {"input": "1", "output": "2"}} if dialect in ("openai", "ollama") else {}
    return {"dialect": dialect, "base_url": f"{emulator}/{name}", "label": label, "api_key_env": "UPSTREAM_KEY", **price, **changes}


MODELS = {"anthropic": "claude-sonnet-5", "openai": "gpt-5", "gemini": "gemini-3.8-flash", "ollama": "llama3.2"}


def tenants(**limits: Any) -> dict[str, Any]:
    return {"acme": {"keys": [{"id": "one", "sha256": digest_of(KEY)}], "limits": limits}}


def both_tenants() -> dict[str, Any]:
    return {name: {"keys": [{"id": "one", "sha256": digest_of(key)}]} for name, key in TENANTS.items()}


def everything(emulator: str, **changes: Any) -> dict[str, Any]:
    """Return a configuration with one route to each dialect."""
    return {
        "providers": {dialect: provider(emulator, dialect, f"plain-{dialect}") for dialect in MODELS},
        "routes": {model: {"targets": [{"provider": dialect, "model": model}]} for dialect, model in MODELS.items()},
        "tenants": tenants(),
        **changes,
    }


def control(emulator: str, method: str, path: str, body: str = "") -> Any:
    request = urllib.request.Request(f"{emulator}/_emulator/{path}", data=body.encode() or None, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def attempts_on(emulator: str, name: str) -> list[dict[str, Any]]:
    return [one for one in control(emulator, "GET", "attempts")["attempts"] if one["provider"] == name]


#: Bounds small enough to be reached in a test.
BOUNDS = {"max_body_bytes": 2_000_000, "body_timeout_s": 1.0, "head_timeout_s": 1.0, "max_head_bytes": 16_384, "failed_keys_per_min": 1e6}


@pytest.fixture(scope="module")
def gateway(emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]) -> GatewayProcess:
    return gateway_of(everything(emulator, tenants=both_tenants(), bounds=BOUNDS))
