"""The systems side by side: the emulator itself, our gateway, and LiteLLM, each a process of its own on core 0; all else is on core 1."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil

from foundation.processes.child import Child
from foundation.processes.free_port import free_port

ROOT = Path(__file__).parents[2]
KEY = "sk-st-4fP2dQ9vLx7Kw3ZmT8bNcR6y"
MODEL = "claude-haiku-4-5"


@dataclass
class System:
    """One system under test: where it listens, and its process."""

    name: str
    url: str
    pid: int
    cold_start_s: float

    def cpu_s(self) -> float:
        """User and system time of the process and its children."""
        process = psutil.Process(self.pid)
        return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))

    def rss_mb(self) -> float:
        """Resident memory of the process and its children."""
        process = psutil.Process(self.pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 1e6


@contextmanager
def started(
    name: str, command: list[str], port: int, folder: Path, *, core: int, path: str = "/health", env: dict[str, str] | None = None
) -> Iterator[System]:
    """Start a system and wait until it answers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    pinned = ["taskset", "-c", str(core), *command] if (os.cpu_count() or 1) > 1 else command
    began_s = time.monotonic()
    with Child(pinned, env=environment, log=folder / f"{name}.log") as child:
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                with urllib.request.urlopen(url + path, timeout=5):
                    break
            except OSError:
                if child.process.poll() is not None or time.monotonic() - began_s > 180:
                    raise SystemExit(f"{name} did not start:\n{(folder / f'{name}.log').read_text()[-2000:]}") from None
                time.sleep(0.02)
        yield System(name, url, child.process.pid, time.monotonic() - began_s)


@contextmanager
def all_systems(folder: Path, peer_python: str | None, profile: dict[str, Any]) -> Iterator[tuple[str, list[System]]]:
    """Start emulator, gateway and peer; yield the emulator's URL and the systems."""
    with ExitStack() as stack:
        (folder / "profile.json").write_text(json.dumps(profile))
        port = free_port()
        command = [sys.executable, "-m", "workloads.emulator", f"--port={port}", f"--profile={folder / 'profile.json'}"]
        emulator = stack.enter_context(started("emulator", command, port, folder, core=1))
        systems = [stack.enter_context(_gateway(folder, emulator.url))]
        if peer_python is not None:
            systems.append(stack.enter_context(_litellm(folder, emulator.url, peer_python)))
        yield emulator.url, systems


@contextmanager
def _gateway(folder: Path, upstream: str) -> Iterator[System]:
    provider = {"dialect": "anthropic", "base_url": upstream, "label": "anthropic", "api_key_env": "UPSTREAM_KEY"}
    limits = {"requests_per_min": 1e7, "input_tokens_per_min": 1e12, "output_tokens_per_min": 1e12, "usd_per_day": 1e9}
    document = {
        "providers": {
            "anthropic": provider,
            "single": {**provider, "base_url": f"{upstream}/single"},
            "dead": {**provider, "base_url": f"{upstream}/dead"},
        },
        "routes": {
            "bench": {"targets": [{"provider": "anthropic", "model": MODEL}]},
            "single": {"targets": [{"provider": "single", "model": MODEL}]},
            "outage": {"targets": [{"provider": "dead", "model": MODEL}], "fallbacks": [{"provider": "anthropic", "model": MODEL}]},
        },
        "tenants": {"bench": {"keys": [{"id": "one", "sha256": sha256(KEY.encode()).hexdigest()}], "limits": limits}},
        "telemetry": {"otlp_endpoint": upstream},
        "ledger": str(folder / "ledger.jsonl"),
    }
    (folder / "gateway.json").write_text(json.dumps(document))
    port = free_port()
    command = [sys.executable, "-m", "workloads.gateway", f"--config={folder / 'gateway.json'}", f"--port={port}"]
    with started("gateway", command, port, folder, core=0, path="/healthz", env={"UPSTREAM_KEY": "k"}) as system:
        yield system


@contextmanager
def _litellm(folder: Path, upstream: str, python: str) -> Iterator[System]:
    def model(name: str, base: str) -> dict[str, Any]:
        return {"model_name": name, "litellm_params": {"model": f"anthropic/{MODEL}", "api_base": base, "api_key": "k"}}

    document = {
        "model_list": [model("bench", upstream), model("single", f"{upstream}/single"), model("outage", f"{upstream}/dead")],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"callbacks": [], "num_retries": 2, "fallbacks": [{"outage": ["bench"]}]},
    }
    (folder / "litellm.json").write_text(json.dumps(document))  # JSON is YAML
    port = free_port()
    program = str(Path(python).parent / "litellm")
    command = [program, "--config", str(folder / "litellm.json"), "--port", str(port), "--host", "127.0.0.1", "--num_workers", "1"]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "PYTHONPATH": ""}
    with started("LiteLLM", command, port, folder, core=0, path="/health/liveliness", env=environment) as system:
        yield system
