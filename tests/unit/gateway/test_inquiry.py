"""What is read of a request before any target is known, and what is told of it."""

from __future__ import annotations

import json
from typing import Any

from foundation.dialects.credentials import bare_key
from foundation.dialects.model.content import Thinking
from foundation.dialects.paths import route_of
from foundation.dialects.signatures import mark_parts
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


def test_thoughts_go_to_the_provider_that_signed_them() -> None:
    """A turn that Gemini answered on Anthropic's wire, and the next one at either provider."""
    price = {"input": "0", "output": "0"}
    providers = {name: {"dialect": name, "base_url": "http://127.0.0.1:1", "price": price} for name in ("anthropic", "gemini")}
    routes = {name: {"targets": [{"provider": name, "model": "m"}]} for name in providers}
    upstreams = runtime(providers=providers, routes=routes).upstreams
    thought = Thinking("hm", "c2ln")
    mark_parts([thought], "gemini", "anthropic")
    block = {"type": "thinking", "thinking": "hm", "signature": thought.signature}
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [block, {"type": "text", "text": "y"}]}]
    asked = inquiry(
        "/v1/messages", {"model": "r", "max_tokens": 9, "messages": [*turns, {"role": "user", "content": "z"}], "container": "c"}
    )
    to_claude = json.loads(asked.body_for(upstreams["anthropic/m"]))
    assert to_claude["messages"][1] == {"role": "assistant", "content": "y"}
    assert to_claude["container"] == "c", "what only this dialect has is kept"
    assert asked.lost == ("thinking",)
    to_gemini = json.loads(asked.body_for(upstreams["gemini/m"]))
    assert to_gemini["contents"][1]["parts"][0] == {"text": "hm", "thought": True, "thoughtSignature": "c2ln"}
