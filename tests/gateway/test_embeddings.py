"""Vectors of one answer are of one model, whatever the cache holds and whichever target answers."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.gateway.conftest import KEY, GatewayProcess, tenants

VALUES = {"one": 1.0, "two": 2.0}


@pytest.fixture
def provider() -> Iterator[tuple[str, set[str]]]:
    """Yield the address of a provider whose vectors tell their model, and the set of its models that fail."""
    failing: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            model, texts = asked["model"], asked["input"]
            document: Any = {"data": [{"index": at, "embedding": [VALUES[model]]} for at in range(len(texts))]}
            document["usage"] = {"prompt_tokens": 10 * len(texts)}
            body = json.dumps({"error": {"type": "server_error"}} if model in failing else document).encode()
            self.send_response(500 if model in failing else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", failing
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_fallback_mixes_no_vectors_of_two_models(
    provider: tuple[str, set[str]], gateway_of: Callable[[dict[str, Any]], GatewayProcess]
) -> None:
    url, failing = provider
    gateway = gateway_of(
        {
            "providers": {"p": {"dialect": "openai", "base_url": url, "price": {"input": "1", "output": "2"}}},
            "routes": {"texts": {"targets": [{"provider": "p", "model": "one"}], "fallbacks": [{"provider": "p", "model": "two"}]}},
            "tenants": tenants(),
            "retries": {"max_attempts_per_target": 1},
        }
    )

    def vectors(*texts: str) -> tuple[list[float], int]:
        """Return the first number of each vector, and the tokens that were paid for."""
        body = json.dumps({"model": "texts", "input": texts, "encoding_format": "float"}).encode()
        reply = gateway_reply(gateway, body)
        return [one["embedding"][0] for one in reply["data"]], reply["usage"]["prompt_tokens"]

    assert vectors("a", "b") == ([1.0, 1.0], 20)
    failing.add("one")
    assert vectors("a", "c") == ([2.0, 2.0], 20)
    assert vectors("a", "b") == ([1.0, 1.0], 0), "what is cached needs no provider"
    failing.clear()
    assert vectors("a", "c") == ([1.0, 1.0], 10)


def gateway_reply(gateway: GatewayProcess, body: bytes) -> Any:
    headers = {"content-type": "application/json", "authorization": f"bearer {KEY}"}
    request = urllib.request.Request(f"{gateway.url}/v1/embeddings", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())
