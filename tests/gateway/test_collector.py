"""Spans in a real collector: Jaeger 2, which is a distribution of the OpenTelemetry Collector with a store of traces."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from tests.gateway.client import ask
from tests.gateway.conftest import KEY, UPSTREAM_KEY, GatewayProcess, control, everything, provider, wait_until_it_answers
from toolchain import ToolMissingError, resolve

CANARY = "canary-text-7731"


class Jaeger:
    """A collector that takes OTLP and shows what it took."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.otlp, self.query = free_port(), free_port()
        inside = {
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query"],
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
                "telemetry": {"metrics": {"level": "none"}},
            },
            "extensions": {
                "jaeger_storage": {"backends": {"kept": {"memory": {"max_traces": 1000}}}},
                "jaeger_query": {
                    "storage": {"traces": "kept"},
                    "http": {"endpoint": f"127.0.0.1:{self.query}"},
                    "grpc": {"endpoint": f"127.0.0.1:{free_port()}"},
                },
            },
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.otlp}"}}}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "kept"}},
        }
        (folder / "jaeger.yaml").write_text(json.dumps(inside))
        self.child = Child([str(program), f"--config={folder / 'jaeger.yaml'}"], log=folder / "log")
        self.child.__enter__()
        wait_until_it_answers(f"http://127.0.0.1:{self.query}/api/services", folder / "log")

    def spans(self) -> tuple[list[dict[str, Any]], str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.query}/api/traces?service=gateway&limit=100", timeout=60) as answer:
            text = answer.read().decode()
        return [span for trace in json.loads(text)["data"] for span in trace["spans"]], text


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    try:
        program = Path(shutil.which("jaeger") or resolve("jaeger").path)
    except ToolMissingError as error:
        pytest.skip(str(error))
    running = Jaeger(program, tmp_path_factory.mktemp("jaeger"))
    yield running
    running.child.__exit__(None, None, None)


def test_a_collector_takes_spans_with_tokens_and_cost(
    jaeger: Jaeger, emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]
) -> None:
    document = everything(emulator, telemetry={"otlp_endpoint": f"http://127.0.0.1:{jaeger.otlp}", "export_s": 0.2})
    document["providers"]["openai"] = provider(emulator, "openai", "failing-span")
    live = gateway_of(document)
    control(emulator, "PUT", "faults/failing-span", "status=400")
    assert ask(live.url, "anthropic", "claude-sonnet-5", CANARY).status == 200
    assert ask(live.url, "openai", "gemini-3.8-flash", CANARY, stream=False).status == 200
    assert ask(live.url, "openai", "gpt-5", CANARY, stream=False).status == 400
    until = time.monotonic() + 120
    while len((found := jaeger.spans())[0]) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    spans, text = found
    tags = {span["operationName"]: {tag["key"]: tag["value"] for tag in span["tags"]} for span in spans}
    assert set(tags) == {"chat claude-sonnet-5", "chat gemini-3.8-flash", "chat gpt-5"}
    for name, of_provider in (("chat claude-sonnet-5", "anthropic"), ("chat gemini-3.8-flash", "gemini")):
        told = tags[name]
        assert told["span.kind"] == "client"
        assert told["llm.provider"] == of_provider
        assert told["llm.input_tokens"] > 0
        assert told["llm.output_tokens"] > 0
        assert told["llm.cost_usd"] > 0
        assert told["gen_ai.usage.input_tokens"] == told["llm.input_tokens"]
    assert tags["chat gpt-5"]["error.type"]
    assert tags["chat gpt-5"]["otel.status_code"] == "ERROR"
    for secret in (CANARY, KEY, UPSTREAM_KEY):
        assert secret not in text
    with urllib.request.urlopen(f"{live.url}/metrics", timeout=60) as answer:
        assert "llm_gateway_spans_dropped_total 0.0" in answer.read().decode()
