"""Locust users on every wire and with the keys of several tenants, in a process of its own, against a server that speaks all wires."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from foundation.dialects import DIALECTS
from foundation.dialects.credentials import key_in
from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.events import End, Event, Start, Stop, TextDelta, UsageUpdate
from foundation.dialects.model.usage import Usage
from foundation.dialects.paths import route_of

WIRES = ("openai", "anthropic", "gemini", "ollama")
ANSWER: list[Event] = [Start("a", "m"), TextDelta("one "), TextDelta("two"), Stop(StopReason.END), UsageUpdate(Usage(10, 2)), End()]


class Served(ThreadingHTTPServer):
    """Answers on every wire; the tenant whose key is ``theirs`` is over its limit."""

    seen: set[tuple[str, str]]


class Handler(BaseHTTPRequestHandler):
    server: Served

    def do_POST(self) -> None:
        route = route_of(self.path.partition("?")[0])
        assert route is not None, self.path
        self.rfile.read(int(self.headers["content-length"]))
        key = key_in({name.lower(): value for name, value in self.headers.items()})
        self.server.seen.add((route.dialect, key))
        limited = key == "theirs"
        encoder = DIALECTS[route.dialect].stream_encoder()
        body = b"{}" if limited else b"".join(encoder.encode(event) for event in ANSWER)
        self.send_response(429 if limited else 200)
        if limited:
            self.send_header("x-gateway-limit", "requests")
        self.send_header("content-type", "application/json" if limited else DIALECTS[route.dialect].stream_content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(("127.0.0.1", 0), Handler) as server:
        server.seen = set()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def locust(served: Served, traffic: Path, *users: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Run Locust for two seconds; return its statistics by method and name."""
    url = f"http://127.0.0.1:{served.server_address[1]}"
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", f"--host={url}", "--headless", "--users=4", "--json"]
    command += ["--spawn-rate=4", "--run-time=2s", "--think-time-s=0.02", f"--traffic={traffic}", *users]
    keys = {"SANDTABLE_API_KEY": "own", "SANDTABLE_TENANT_KEYS": json.dumps({"batch": "theirs"})}
    root = Path(__file__).parents[3]
    environment = os.environ | keys | {"PYTHONPATH": str(root)}
    ended = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return {(entry["method"], entry["name"]): entry for entry in json.loads(ended.stdout[ended.stdout.index("[") :])}


def test_users_speak_all_wires_of_the_mix_or_the_one_that_is_named(served: Served, tmp_path: Path) -> None:
    mix = [{"wire": wire, "route": "any", "share": 0.25, "tenant": "batch" if wire == "ollama" else ""} for wire in WIRES]
    (tmp_path / "traffic.yaml").write_text(json.dumps({"mix": mix}))
    lines = locust(served, tmp_path / "traffic.yaml")
    assert served.seen == {("openai", "own"), ("anthropic", "own"), ("gemini", "own"), ("ollama", "theirs")}
    assert not any(entry["num_failures"] for entry in lines.values())
    assert {name for method, name in lines if method == "POST"} == {"openai any", "anthropic any", "gemini any"}
    assert {name for method, name in lines if method == "LIMITED"} == {"ollama any"}

    served.seen.clear()
    lines = locust(served, tmp_path / "traffic.yaml", "GeminiUser")
    assert served.seen == {("gemini", "own")}
    assert {name for method, name in lines if method == "POST"} == {"gemini any"}
