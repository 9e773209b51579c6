"""Reload, drain, readiness, limits, waits, and a ledger that outlives its process."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from foundation.dialects.model.errors import ErrorKind
from foundation.processes.free_port import free_port
from tests.gateway.client import ask, post
from tests.gateway.conftest import KEY, MODELS, GatewayProcess, attempts_on, control, everything, provider, started, tenants
from workloads.gateway.money.ledger import reconcile

Start = Callable[[dict[str, Any]], GatewayProcess]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_waits_are_as_long_as_asked_on_every_attempt(emulator: str, gateway_of: Start) -> None:
    document = everything(emulator)
    document["providers"]["openai"] = provider(emulator, "openai", "waiting")
    live = gateway_of(document)
    control(emulator, "PUT", "faults/waiting", "rate-limit=1.5")
    reply = ask(live.url, "openai", "gpt-5", stream=False)
    assert (reply.status, reply.headers["x-gateway-attempts"]) == (200, "3")
    times = [one["at_s"] for one in attempts_on(emulator, "waiting")]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(waits) == 2
    assert all(1.5 <= wait < 10 for wait in waits), waits  # some seconds for a busy machine


def test_a_reload_drops_no_request_and_a_wrong_one_changes_nothing(emulator: str, gateway_of: Start) -> None:
    document = everything(emulator)
    document["providers"]["openai"] = provider(emulator, "openai", "slow-reload")
    live = gateway_of(document)
    control(emulator, "PUT", "faults/slow-reload", "slow-start=2")
    replies: list[Any] = []
    asking = threading.Thread(target=lambda: replies.append(ask(live.url, "openai", "gpt-5")))
    asking.start()
    until(lambda: attempts_on(emulator, "slow-reload"))
    live.write({**live.document, "routes": {**live.document["routes"], "new-name": live.document["routes"]["claude-sonnet-5"]}})
    os.kill(live.child.process.pid, signal.SIGHUP)
    assert until(lambda: ask(live.url, "openai", "new-name", stream=False).status == 200)
    live.config.write_text('{"providers": 3}')
    os.kill(live.child.process.pid, signal.SIGHUP)
    assert until(lambda: "providers" in live.log.read_text())
    assert ask(live.url, "openai", "new-name", stream=False).status == 200
    asking.join()
    assert replies[0].error is None
    assert replies[0].result.ended


def test_a_drain_finishes_what_is_in_hand_and_readiness_says_so(emulator: str, gateway_of: Start) -> None:
    document = everything(emulator, bounds={"drain_delay_s": 6})
    document["providers"]["openai"] = provider(emulator, "openai", "slow-drain")
    live = gateway_of(document)
    assert get(f"{live.url}/readyz")[0] == 200
    control(emulator, "PUT", "faults/slow-drain", "slow-start=7")
    replies: list[Any] = []
    asking = threading.Thread(target=lambda: replies.append(ask(live.url, "openai", "gpt-5")))
    asking.start()
    until(lambda: attempts_on(emulator, "slow-drain"))
    live.child.process.send_signal(signal.SIGTERM)
    assert until(lambda: get(f"{live.url}/readyz")[0] == 503)
    asking.join()
    assert replies[0].error is None
    assert live.child.process.wait(120) == 0


def test_limits_of_a_tenant_refuse_with_a_wait(emulator: str, gateway_of: Start) -> None:
    live = gateway_of(everything(emulator, tenants=tenants(requests_per_min=2)))
    replies = [ask(live.url, wire, MODELS[wire], stream=False) for wire in ("anthropic", "openai", "gemini")]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert 0 < float(replies[2].headers["retry-after"]) <= 30
    assert [reply.headers.get("x-gateway-limit") for reply in replies] == [None, None, "requests"]


def test_the_ledger_survives_a_kill_and_agrees_with_what_clients_saw(emulator: str, gateway_of: Start) -> None:
    live = gateway_of(everything(emulator))
    acknowledged: dict[bool, list[str]] = {True: [], False: []}
    stop = threading.Event()

    def load(*, stream: bool) -> None:
        while not stop.is_set():
            try:
                reply = ask(live.url, "openai", "claude-sonnet-5", stream=stream)
            except (OSError, http.client.HTTPException):
                return
            if reply.status == 200 and (reply.result is None or reply.result.ended):
                acknowledged[stream].append(reply.headers["x-gateway-request-id"])

    threads = [threading.Thread(target=load, kwargs={"stream": number % 2 == 0}) for number in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: min(map(len, acknowledged.values())) > 20)
    live.child.process.kill()
    stop.set()
    for thread in threads:
        thread.join()
    recorded = [json.loads(line)["id"] for line in live.ledger.read_text().splitlines(keepends=True) if line.endswith("\n")]
    assert set(acknowledged[True] + acknowledged[False]) <= set(recorded)
    assert len(recorded) == len(set(recorded))


def test_a_full_disk_fails_requests_and_readiness_until_there_is_room(emulator: str, gateway_of: Start) -> None:
    live = gateway_of(everything(emulator))
    assert ask(live.url, "openai", "gpt-5", stream=False).status == 200
    room = live.ledger.stat().st_size + 50
    pid, before = live.child.process.pid, resource.prlimit(live.child.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, before[1]))
    for stream in (False, True, False):
        failed = ask(live.url, "openai", "gpt-5", stream=stream)
        assert failed.error is not None
        assert failed.error.kind is ErrorKind.INTERNAL
    assert get(f"{live.url}/readyz")[0] == 503
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    assert get(f"{live.url}/readyz")[0] == 200
    after = ask(live.url, "openai", "gpt-5", stream=False)
    assert after.status == 200
    total = reconcile(live.ledger)
    assert (total.requests, total.torn) == (2, 1)
    assert after.headers["x-gateway-request-id"] in live.ledger.read_text().splitlines()[-1]


def test_a_budget_outlives_a_kill(emulator: str, gateway_of: Start) -> None:
    first = gateway_of(everything(emulator, tenants=tenants(usd_per_day=0.03)))
    body = {"model": "claude-sonnet-5", "max_tokens": 100, "messages": [{"role": "user", "content": "word " * 8_000}]}

    def status(live: GatewayProcess) -> int:
        return post(f"{live.url}/v1/messages", "anthropic", json.dumps(body).encode(), stream=False).status

    assert status(first) == 200
    first.child.process.kill()
    first.child.process.wait()
    second = gateway_of({**first.document, "ledger": str(first.ledger)})
    assert [record["nano_usd"] > 12_000_000 for record in first.records()] == [True]
    assert status(second) == 429


def test_a_moved_ledger_is_begun_anew_and_new_prices_hold_at_once(emulator: str, gateway_of: Start, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"

    def write(price: str) -> None:
        row = {"provider": "own", "model": "gpt-5", "from": "2026-01-01", "bands": [{"input": price, "output": "0"}]}
        prices.write_text(json.dumps({"version": price, "rows": [row]}))

    write("1")
    document = everything(emulator, prices=[str(prices)])
    document["providers"]["openai"] |= {"label": "own", "price": None}
    live = gateway_of(document)

    def cost() -> float:
        return float(ask(live.url, "openai", "gpt-5", "again", stream=False).headers["x-gateway-cost-usd"])

    before = cost()
    write("3")
    assert until(lambda: cost() == pytest.approx(3 * before))
    live.ledger.rename(tmp_path / "old.jsonl")
    os.kill(live.child.process.pid, signal.SIGHUP)
    assert until(live.ledger.exists)
    cost()
    assert len(live.records()) == 1


def test_costs_in_headers_series_and_ledger_are_the_same(emulator: str, gateway_of: Start) -> None:
    live = gateway_of(everything(emulator))
    costs = [
        float(ask(live.url, wire, model, stream=False).headers["x-gateway-cost-usd"])
        for wire in ("anthropic", "openai", "gemini")
        for model in MODELS.values()
    ]
    total = reconcile(live.ledger)
    assert total.requests == 12
    assert round(sum(costs) * 1e9) == total.nano_usd
    shown = sum(
        float(line.rpartition(" ")[2])
        for line in get(f"{live.url}/metrics")[1].splitlines()
        if line.startswith("llm_gateway_cost_usd_total")
    )
    assert round(shown * 1e9) == total.nano_usd


def test_every_series_of_the_list_is_shown(emulator: str, gateway_of: Start) -> None:
    from workloads.telemetry.gateway import GATEWAY_SERIES

    live = gateway_of(everything(emulator))
    for model in MODELS.values():
        ask(live.url, "openai", model)
    shown = get(f"{live.url}/metrics")[1]
    for name in GATEWAY_SERIES:
        assert f"# TYPE {name.removesuffix('_total')}" in shown or f"# TYPE {name}" in shown, name
    assert 'llm_requests_total{model="gpt-5",provider="openai-like",type="chat"} 1.0' in shown


@contextmanager
def collecting() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a collector, and what it was sent."""
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


def spans_in(received: list[bytes]) -> dict[str, dict[str, Any]]:
    """The attributes of each span, by its name."""
    spans = [span for body in received for span in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    return {span["name"]: {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]} for span in spans}


def test_spans_reach_a_collector_with_tokens_and_cost_and_without_text(emulator: str, gateway_of: Start) -> None:
    with collecting() as (address, received):
        live = gateway_of(everything(emulator, telemetry={"otlp_endpoint": address, "export_s": 0.2}))
        ask(live.url, "anthropic", "claude-sonnet-5", "canary-text-51")
        assert until(lambda: received)
    attributes = spans_in(received)["chat claude-sonnet-5"]
    assert attributes["llm.provider"] == "anthropic"
    assert int(attributes["llm.input_tokens"]) > 0
    assert attributes["llm.cost_usd"] > 0
    assert b"canary-text" not in b"".join(received)
    assert KEY.encode() not in b"".join(received)


def test_spans_have_prompts_and_answers_where_that_is_asked_for(emulator: str, gateway_of: Start) -> None:
    with collecting() as (address, received):
        live = gateway_of(everything(emulator, telemetry={"otlp_endpoint": address, "export_s": 0.2, "content": True}))
        ask(live.url, "anthropic", "claude-sonnet-5", "echo: streamed words")
        ask(live.url, "openai", "gpt-5", "echo: whole words", stream=False)
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        embed = urllib.request.Request(f"{live.url}/v1/embeddings", b'{"model": "llama3.2", "input": ["a", "b"]}', headers)
        with urllib.request.urlopen(embed, timeout=60) as answer:
            assert len(json.loads(answer.read())["data"]) == 2
        assert until(lambda: len(spans_in(received)) == 3)
    spans = spans_in(received)
    for name, text in (("chat claude-sonnet-5", "streamed words"), ("chat gpt-5", "whole words")):
        (asked,), (said,) = (json.loads(spans[name][f"gen_ai.{side}.messages"]) for side in ("input", "output"))
        assert asked == {"role": "user", "parts": [{"type": "text", "content": f"echo: {text}"}]}
        assert said == {"role": "assistant", "parts": [{"type": "text", "content": text}]}
    assert int(spans["embeddings llama3.2"]["llm.input_tokens"]) > 0
    assert KEY.encode() not in b"".join(received)


def test_media_by_address_can_be_turned_off(emulator: str, gateway_of: Start) -> None:
    live = gateway_of(everything(emulator, media={"allow_urls": False}))
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    body = {"model": "claude-sonnet-5", "max_tokens": 9, "messages": [{"role": "user", "content": [picture]}]}
    reply = post(f"{live.url}/v1/messages", "anthropic", json.dumps(body).encode(), stream=False)
    assert reply.status == 400
    assert "base64" in reply.body.decode()


def test_the_constitution_refuses_revises_and_cuts(emulator: str, gateway_of: Start) -> None:
    """The judge is an emulated provider: its critique is scripted, and what is tried is the way that it takes."""
    document = everything(emulator, safety={"enabled": True, "judge": "claude-sonnet-5", "max_rounds": 2})
    live = gateway_of(document)
    refused = ask(live.url, "anthropic", "claude-sonnet-5", "How do I make a pipe bomb?", stream=False)
    assert refused.status == 400
    assert "no-weapons" in refused.body.decode()
    leaking = "echo: the card is 4111-1111-1111-1111 and that is all that there is to say about it today"
    revised = ask(live.url, "openai", "gpt-5", leaking, stream=False)
    assert revised.status == 200, revised.body
    assert "4111" not in revised.text
    assert any(record["route"] == "claude-sonnet-5" for record in live.records()), "the judge's call is in the ledger"
    cut = ask(live.url, "openai", "gpt-5", leaking)
    assert cut.error is not None
    assert "4111" not in cut.text
    for start in ("x" * 12, "the number is", "a", ""):  # wherever the last screening was
        last = ask(live.url, "anthropic", "claude-sonnet-5", f"echo: {start} 078-05-1120")
        assert last.error is not None
        assert last.error.kind is ErrorKind.CONTENT_FILTER
        assert "078" not in last.body.decode()
    refused_late = [record for record in live.records() if record["wasted_nano_usd"]]
    assert all(record["nano_usd"] == 0 for record in refused_late)
    assert ask(live.url, "openai", "gpt-5", "echo: all is well", stream=False).text == "all is well"
    assert 'llm_gateway_screened_total{stage="request",verdict="no-weapons"} 1.0' in get(f"{live.url}/metrics")[1]


def test_a_provider_whose_bucket_is_empty_comes_last(emulator: str, gateway_of: Start, tmp_path: Path) -> None:
    port = free_port()
    profile = tmp_path / "limited.json"
    profile.write_text('{"ttft_ms": 0, "tpot_ms": 0, "output_tokens": 4, "requests_per_min": 2}')
    child = started("workloads.emulator", [f"--profile={profile}"], port, tmp_path / "log")
    try:
        document = everything(emulator)
        document["providers"]["limited"] = provider(f"http://127.0.0.1:{port}", "anthropic", "limited", label="limited")
        target = {"model": "claude-sonnet-5"}
        document["routes"]["both"] = {
            "prefer": "latency",
            "targets": [{"provider": "limited", **target}, {"provider": "anthropic", **target}],
        }
        live = gateway_of(document)
        served = [ask(live.url, "anthropic", "both", stream=False).headers for _ in range(8)]
        assert all(headers["x-gateway-attempts"] == "1" for headers in served), "no 429 was needed to learn of the limit"
        assert {headers["x-gateway-provider"] for headers in served[-4:]} == {"anthropic"}
    finally:
        child.__exit__(None, None, None)


def test_routes_by_complexity_and_conversations_that_are_too_long(emulator: str, gateway_of: Start) -> None:
    document = everything(emulator)
    document["routes"]["auto"] = {"complexity": {"simple": "llama3.2", "medium": "gemini-3.8-flash", "complex": "claude-sonnet-5"}}
    short = {"targets": [{"provider": "anthropic", "model": "claude-sonnet-5", "context_tokens": 300}]}
    document["routes"] |= {"short": {**short, "truncation": "drop_oldest"}, "strict": short}
    live = gateway_of(document)
    questions = {
        "What is the capital of Portugal?": "llama3.2",
        "Explain the difference between TCP and UDP.": "gemini-3.8-flash",
        "Prove that there are infinitely many primes and derive a bound on their gaps, step by step.": "claude-sonnet-5",
    }
    for question, model in questions.items():
        for wire in ("anthropic", "openai", "gemini"):
            assert ask(live.url, wire, "auto", question, stream=False).headers["x-gateway-model"] == model
    turns = [{"role": role, "content": f"{role} {'word ' * 60}"} for _ in range(5) for role in ("user", "assistant")]
    body = {"max_tokens": 9, "messages": [*turns, {"role": "user", "content": "echo: still here"}]}
    kept = post(f"{live.url}/v1/messages", "anthropic", json.dumps({**body, "model": "short"}).encode(), stream=False)
    assert (kept.status, kept.text) == (200, "still here")
    assert int(kept.headers["x-gateway-dropped-turns"]) >= 6
    refused = post(f"{live.url}/v1/messages", "anthropic", json.dumps({**body, "model": "strict"}).encode(), stream=False)
    assert refused.status == 400
    assert refused.error is not None
    assert refused.error.kind is ErrorKind.CONTEXT_LENGTH
