"""Requests that say again what an earlier one has said."""

from __future__ import annotations

from collections import Counter

import pytest

from foundation.chat import WireRequests
from stacks.environment import Lengths, Traffic
from stacks.traffic import PlannedRequest, plan

LONG = Lengths(mean=400, cv=1.0, high=4000)


def traffic(share: float, wire: str = "openai", **more: object) -> Traffic:
    parts = [{"wire": wire, "route": "small", "share": 0.5, "repeats": share}, {"wire": "anthropic", "route": "claude", "share": 0.5}]
    return Traffic.model_validate({"rate_per_s": 40.0, "duration_s": 100.0, "prompt_tokens": LONG, "mix": parts, **more})


def test_the_stated_share_repeats_a_text_of_the_same_part_word_for_word() -> None:
    requests = plan(traffic(0.3))
    mine, others = ([r for r in requests if r.route == route] for route in ("small", "claude"))
    assert all(request.text is None for request in others)
    again = [request for request in mine if request.text != request.index]
    assert len(again) / len(mine) == pytest.approx(0.3, abs=0.03)
    by_index = {request.index: request for request in mine}
    for request in again:
        first = by_index[request.text or 0]
        assert first.at_s <= request.at_s
        assert (request.prompt_tokens, request.output_tokens, first.text) == (first.prompt_tokens, first.output_tokens, first.index)
    assert max(Counter(request.text for request in mine).values()) < 10  # drawn from a hundred, not always the same


@pytest.mark.parametrize("wire", ["openai", "gemini", "ollama"])
def test_a_repeated_request_has_the_same_body_and_asks_with_temperature_0(wire: str) -> None:
    requests = WireRequests(model="m", seed=1, engine_options=False)
    first, again, other = (PlannedRequest(n, 0.0, 40, 5, wire, "small", text=text) for n, text in ((7, 7), (9, 7), (9, 9)))
    assert requests.body(first) == requests.body(again) != requests.body(other)
    assert b'"temperature":0' in requests.body(first).replace(b": 0", b":0")


def test_without_repetition_a_plan_is_as_it_was_and_repeating_changes_no_arrival() -> None:
    none, some = plan(traffic(0.0)), plan(traffic(0.5))
    assert all(request.text is None for request in none)
    assert [(r.at_s, r.route) for r in none] == [(r.at_s, r.route) for r in some]


def test_what_no_gateway_could_cache_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no temperature"):
        traffic(0.3, wire="anthropic")
