"""What is seen of a federation from outside: spans at a collector, series in Prometheus."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from foundation.tracing.spans import Span
from tests.integration.federation.processes import NAMES, Processes, until
from workloads.federation.compliance.journal import events
from workloads.federation.definition import Definition, Local, Privacy
from workloads.federation.serving import exporting

SHORT = Definition(
    task="credit-risk", rounds=3, deadline_s=60.0, privacy=Privacy(epsilon=8.0, accountant="rdp"), local=Local(epochs=1, batch=64, rate=0.5)
)


@contextmanager
def collector(port: int = 0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Receive spans as OTLP over HTTP; yields the endpoint, and the spans with the name of their service."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in content["resourceSpans"]:
                (service,) = (each["value"]["stringValue"] for each in resource["resource"]["attributes"] if each["key"] == "service.name")
                received.extend({**span, "service": service} for scope in resource["scopeSpans"] for span in scope["spans"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


def test_a_collector_gets_the_rounds_of_the_audit_log_with_the_training_of_each_client(tmp_path: Path) -> None:
    with collector() as (endpoint, received), ExitStack() as stack:
        run = Processes(tmp_path, SHORT, stack, otlp_endpoint=endpoint)
        run.until(run.finished)
        for child in (run.server, *run.clients.values()):
            child.stop()  # what is left is sent when they are stopped
        rounds = [span for span in received if span["name"] == "fl.round"]
        assert {span["service"] for span in rounds} == {"fl-server"}
        audited = {line["trace_id"] for line in events(tmp_path / "server" / "audit.jsonl") if line["event"] == "round closed"}
        assert {span["traceId"] for span in rounds} == audited
        assert len(audited) == SHORT.rounds
        for span in rounds:
            below = [each for each in received if each.get("parentSpanId") == span["spanId"]]
            trained = {
                attribute["value"]["stringValue"]
                for each in below
                if each["service"] == "fl-client"
                for attribute in each["attributes"]
                if attribute["key"] == "fl.client"
            }
            assert trained == set(NAMES)
            assert sum(each["name"].startswith("fl.stage ") for each in below) == 5
            assert all(int(span["startTimeUnixNano"]) <= int(each["startTimeUnixNano"]) for each in below if each["service"] == "fl-server")


def test_a_collector_that_is_away_is_told_once_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_EVERY_S", 0.05)
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with exporting.exporting("fl-server", f"http://127.0.0.1:{port}", said.append) as on_span:
        on_span(Span("first", 1, 2))
        until(lambda: len(said) == 1)
        on_span(Span("second", 1, 2))
        with collector(port) as (_, received):
            until(lambda: bool(on_span(Span("third", 1, 2)) or received))
            until(lambda: len(said) == 2)
    assert said[0].startswith(f"spans are lost: http://127.0.0.1:{port}: ")
    assert said[1] == f"spans arrive again at http://127.0.0.1:{port}"
    assert {span["service"] for span in received} == {"fl-server"}


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not on PATH (Debian's package of that name)")
def test_prometheus_scrapes_the_four_series(tmp_path: Path) -> None:
    with ExitStack() as stack:
        run = Processes(tmp_path, SHORT, stack)
        port, folder = free_port(), tmp_path / "prometheus"
        folder.mkdir()
        scrape = {"job_name": "federation", "static_configs": [{"targets": [f"127.0.0.1:{run.health_port}"]}]}
        (folder / "prometheus.json").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}))
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.json'}",
            f"--storage.tsdb.path={folder}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        prometheus = stack.enter_context(Child(command, log=folder / "log"))

        def found(query: str) -> list[dict[str, Any]]:
            url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return list(json.load(answer)["data"]["result"])
            except OSError:
                assert prometheus.alive(), (folder / "log").read_text()
                return []

        run.until(run.finished)
        until(lambda: bool(found("fl_rounds_total == 3")))
        assert {each["metric"]["round"] for each in found("fl_round_duration")} == {"1", "2", "3"}
        (budget,) = found("fl_privacy_budget_consumed")
        assert budget["metric"]["epsilon"] == "8"
        assert 0.9 < float(budget["value"][1]) <= 1
        (rate,) = found("fl_secure_aggregation_success_rate")
        assert 0 < float(rate["value"][1]) <= 1
        (accuracy,) = found("fl_model_accuracy")
        assert 0 < float(accuracy["value"][1]) <= 1
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=run.get("/metrics"), capture_output=True, text=True, timeout=120, check=False
        )
        assert checked.returncode in {0, 3}, checked.stdout + checked.stderr  # 3: a matter of style, such as a unit that is not in a name
