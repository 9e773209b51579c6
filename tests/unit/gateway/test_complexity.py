"""The router by complexity, on questions that its weights were not set on, and under noise that does not change what is asked.

Both sets were written by hand by the router's author, so they say how well the rule holds for its definition of the three classes, not how
real traffic is spread over them.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.gateway.quality import LEVELS, macro_f1, routed, rows, share_bounds, unchanged
from foundation.dialects.model.content import Text
from foundation.dialects.model.request import ChatRequest, Message, Tool
from workloads.gateway.routing.complexity import classify


def test_macro_f1_on_held_out_questions() -> None:
    pairs = routed()
    assert len(pairs) == 120
    assert macro_f1(pairs) >= 0.85
    assert max(macro_f1([(label, name) for label, _ in pairs]) for name in LEVELS) < 0.2, "a constant router fails"


def test_no_question_is_in_both_sets() -> None:
    training = Path(__file__).parents[3] / "workloads/gateway/routing/complexity-training.tsv"
    trained_on = {line.partition("\t")[2] for line in training.read_text(encoding="utf-8").splitlines()}
    assert not trained_on & {text for _, text in rows("complexity.tsv")}


def test_choices_stay_put_under_paraphrase_and_noise() -> None:
    kept = unchanged()
    assert len(kept) == 1440
    assert share_bounds(kept)[0] >= 0.95


def test_the_request_around_the_question_counts_and_the_reason_says_so() -> None:
    plain = ChatRequest("auto", [Message("user", [Text("What is the capital of Portugal?")])])
    level = classify(plain)
    assert (level.name, level.reason) == ("simple", "short question")
    plain.tools = [Tool(f"t{number}") for number in range(8)]
    plain.messages.append(Message("assistant", [Text("Lisbon")]))
    plain.messages.append(Message("user", [Text("Prove that it is, step by step")]))
    level = classify(plain)
    assert level.name == "complex"
    assert "8 tools" in level.reason
