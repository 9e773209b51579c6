"""What is read of a request before any target is known, and what is told of it."""

from __future__ import annotations

import json
from typing import Any

from foundation.dialects.credentials import bare_key
from foundation.dialects.paths import route_of
from tests.unit.gateway.test_parts import runtime
from workloads.gateway.serving.inquiry import Inquiry


def inquiry(path: str, document: Any, *, escaped: bool = False) -> Inquiry:
    found = route_of(path)
    assert found is not None
    return Inquiry(found, json.dumps(document, ensure_ascii=escaped, separators=(",", ":")).encode())


def test_letters_that_are_escaped_cost_no_more_tokens() -> None:
    document = {"model": "small", "messages": [{"role": "user", "content": "\u043f\u0440\u0438\u0432\u0435\u0442 \U0001f600" * 200}]}
    plain, escaped = (inquiry("/v1/chat/completions", document, escaped=escaped).prompt_tokens for escaped in (False, True))
    assert plain == escaped


def test_lost_names_are_fit_for_a_header() -> None:
    asked = inquiry("/v1/chat/completions", {"model": "small", "messages": []})
    asked.lost = ("a\r\nx-evil: 1", "b" * 1_000, *(f"c{number}" for number in range(100)))
    assert asked.lost_names.startswith("a??x-evil:?1," + "b" * 64 + ",c0,")
    assert asked.lost_names.endswith(",c29,...")


def test_a_shortened_conversation_keeps_gemini_s_own_options_in_their_place() -> None:
    gemini = {"dialect": "gemini", "base_url": "http://127.0.0.1:1", "price": {"input": "0", "output": "0"}}
    target = {"provider": "g", "model": "m", "context_tokens": 100}
    upstream = runtime(providers={"g": gemini}, routes={"r": {"targets": [target]}}).upstreams["g/m"]
    contents = [{"role": role, "parts": [{"text": "x" * 400}]} for role in ("user", "model", "user")]
    options = {"candidateCount": 1, "temperature": 0.5}
    asked = inquiry("/v1/models/r:generateContent", {"contents": contents, "generationConfig": options, "safetySettings": []})
    asked.shorten(100)
    assert asked.dropped_turns
    document = json.loads(asked.body_for(upstream))
    assert document["generationConfig"] == options
    assert set(document) == {"contents", "generationConfig", "safetySettings"}


def test_a_scheme_has_no_case() -> None:
    assert [bare_key(value) for value in ("Bearer k", "bearer k ", "k", "BEARER  k")] == ["k"] * 4
