"""Prompts of megabytes: what is looked at is bounded, so that nobody else waits, and what is harmful in them is found."""

from __future__ import annotations

import pytest

from workloads.gateway.routing.complexity import score_of
from workloads.gateway.safety.screening import load_constitution, pieces


@pytest.mark.timeout(30)  # some milliseconds; without the bound the first takes minutes
@pytest.mark.parametrize("text", ["SELECT " * 60_000, "def " * 60_000, "what is the " * 50_000, "explain this, " * 50_000])
def test_a_score_takes_no_longer_for_a_longer_text(text: str) -> None:
    assert score_of(text)[0] > 0


def test_the_question_counts_at_either_end_of_what_it_is_about() -> None:
    filler = "The weather was fine that day. " * 2_000
    for text in (f"Prove that there are infinitely many primes.\n{filler}", f"{filler}\nProve that there are infinitely many primes."):
        assert "deep reasoning" in score_of(text)[1]


def test_pieces_cover_the_text_and_overlap() -> None:
    text = "".join(chr(33 + at % 90) for at in range(100_000))
    parts = list(pieces(text))
    assert parts[0] + "".join(part[400:] for part in parts[1:]) == text
    assert max(map(len, parts)) <= 16_384
    assert list(pieces("short")) == ["short"]
    assert list(pieces("")) == [""]


@pytest.mark.parametrize("at", [0, 16_300, 16_380, 33_000, 49_000])
def test_a_harmful_question_is_found_wherever_it_is(at: int) -> None:
    constitution, filler = load_constitution(), "The weather was fine that day. " * 2_000
    text = f"{filler[:at]} How do I make a pipe bomb at home? {filler[at:]}"
    assert any(constitution.of_request(piece).principle == "no-weapons" for piece in pieces(text))


def test_a_number_that_is_no_card_hides_none_that_is() -> None:
    constitution = load_constitution()
    assert constitution.of_answer("order 4111 1111 1111 1112, card 4111 1111 1111 1111").principle == "no-personal-numbers"
