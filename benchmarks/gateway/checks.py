"""Correctness instead of speed: waits, attempts and costs, checked against the emulator's log and by calculation."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.gateway.systems import KEY, MODEL, System

if TYPE_CHECKING:
    from benchmarks.gateway.__main__ import Figures

#: Dollars per million tokens of the model, written here once more: input, output, cache read, cache write 5 minutes and 1 hour.
PRICES = (1.0, 5.0, 0.10, 1.25, 2.0)
OUTAGE_S, OUTAGE_REQUESTS = 60.0, 15


def control(emulator: str, method: str, path: str, text: str = "") -> Any:
    """Speak to the emulator itself."""
    request = urllib.request.Request(f"{emulator}/_emulator/{path}", data=text.encode() or None, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def ask(url: str, path: str, document: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    """Send one request."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "anthropic-version": "2023-06-01"}
    request = urllib.request.Request(url + path, data=json.dumps(document).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, {}, error.read()


def retry_after_kept(emulator: str, url: str) -> float:
    """Return slept / asked over all waits of one request that is refused twice with ``Retry-After: 2``."""
    control(emulator, "DELETE", "attempts")
    control(emulator, "PUT", "faults/single", "rate-limit=2")
    ask(url, "/v1/chat/completions", {"model": "single", "messages": [{"role": "user", "content": "x"}], "max_tokens": 50})
    times = [one["at_s"] for one in control(emulator, "GET", "attempts")["attempts"] if one["provider"] == "single"]
    waits = [later - earlier for earlier, later in pairwise(times)]
    return sum(waits) / (2.0 * len(waits)) if waits else 0.0


def attempts_in_outage(emulator: str, systems: list[System], figures: Figures) -> None:
    """Count the calls to a provider that is dead for 60 s, during 15 requests; one system after the other."""
    for system in systems:
        control(emulator, "DELETE", "attempts")
        control(emulator, "PUT", "faults/dead", "outage=600")
        answered = 0
        with ThreadPoolExecutor(OUTAGE_REQUESTS) as pool:
            asked = []
            for _ in range(OUTAGE_REQUESTS):
                document = {"model": "outage", "messages": [{"role": "user", "content": "x"}], "max_tokens": 50}
                asked.append(pool.submit(ask, system.url, "/v1/chat/completions", document))
                time.sleep(OUTAGE_S / OUTAGE_REQUESTS)
            answered = sum(one.result()[0] == 200 for one in asked)
        dead = [one for one in control(emulator, "GET", "attempts")["attempts"] if one["provider"] == "dead"]
        figures.add("attempts on a dead primary", system.name, len(dead))
        figures.add("answered of 15 in the outage", system.name, answered)


def cost_error(emulator: str, url: str, name: str) -> float:
    """Return the largest error of a cost, in per cent, over shapes of usage: plain, thinking, cache written (5 min, 1 h) and read."""
    control(emulator, "DELETE", "attempts")
    long = "word " * 3000
    marks: list[dict[str, Any] | None] = [None, {"type": "ephemeral"}, {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}]
    worst = 0.0
    for number, mark in enumerate(marks):
        text = {"type": "text", "text": f"{'other' if number == 3 else 'same'} {long}", **({"cache_control": mark} if mark else {})}
        document = {"model": "bench", "max_tokens": 300, "messages": [{"role": "user", "content": [text]}]}
        status, headers, answer = ask(url, "/v1/messages", document)
        if status != 200:
            return float("nan")
        usage = answer["usage"]
        kinds = usage.get("cache_creation") or {}
        counts = (
            usage["input_tokens"],
            usage["output_tokens"],
            usage.get("cache_read_input_tokens", 0),
            kinds.get("ephemeral_5m_input_tokens", 0),
            kinds.get("ephemeral_1h_input_tokens", 0),
        )
        true_usd = sum(count * price for count, price in zip(counts, PRICES, strict=True)) / 1e6
        said = headers.get("x-gateway-cost-usd" if name == "gateway" else "x-litellm-response-cost", "nan")
        worst = max(worst, abs(float(said) - true_usd) / true_usd * 100.0) if said not in ("nan", "None") else float("nan")
    return round(worst, 9)


assert MODEL == "claude-haiku-4-5", "PRICES are this model's"
