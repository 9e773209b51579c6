"""Quantities, metrics and sentences: the words that all renderers share."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandtable.document.parts.load import Generator
from sandtable.document.reading import Run
from sandtable.report.charts import scale, svg
from sandtable.report.words import metrics, quantities, sentences
from sandtable.report.words.facts import facts

Document = Callable[[str], dict[str, Any]]
Read = Callable[[dict[str, Any]], Run]


@pytest.mark.parametrize("module", [quantities, scale, svg])
def test_the_examples_in_the_docstrings_are_true(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize(
    ("ci95", "words"),
    [
        ((1.0, 2.0), "[1.00, 2.00]"),
        ((700.1, None), "[≥ 700.1, n too small]"),
        ((None, 3.0), "[≤ 3.00, n too small]"),
        ((None, None), "[n too small]"),
    ],
)
def test_an_end_that_nothing_bounds_is_said_in_words(ci95: Any, words: str) -> None:
    assert quantities.interval(ci95, "ms") == words


def test_a_figure_that_is_not_known_has_no_interval_either() -> None:
    assert str(quantities.Estimate(None, "ms", (1.0, 2.0), 0)) == "— n=0"


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["ms", "share", "usd", "count", ""]))
def test_any_number_can_be_written(value: float, unit: str) -> None:
    assert quantities.figure(value, unit)
    assert "$" in quantities.usd(value)
    assert quantities.percent(value).endswith(" %")


def test_broken_thresholds_come_first_then_undecided_ones(run: Callable[[str], Run]) -> None:
    holds = [line.holds for line in metrics.lines(run("hold").rehearsal)]
    assert holds == [False, False, False, None, None, True, True, True, True, True]


def test_a_threshold_is_said_in_words_with_its_unit(run: Callable[[str], Run]) -> None:
    words = [line.words for line in metrics.lines(run("ship").rehearsal)]
    assert words[0] == "p95 time to first token < 400 ms"
    assert "share of failed requests < 1 %" in words
    assert "monthly cost < $30,000" in words


def test_an_expression_that_this_version_does_not_know_is_shown_as_written(document: Document, read: Read) -> None:
    documents = document("ship")
    documents["rehearsal"]["thresholds"] = [{"expression": "p42_joy > 3", "source": "measured", "value": 1.0, "holds": False}]
    (line,) = metrics.lines(read(documents).rehearsal)
    assert (line.words, line.limit, line.holds) == ("p42_joy > 3", None, False)


def test_the_comparison_has_every_latency_at_every_quantile(run: Callable[[str], Run]) -> None:
    rows = metrics.comparison(run("ship").rehearsal)
    assert [(row.group, row.words) for row in rows][:4] == [
        ("time to first token", "p50"),
        ("time to first token", "p95"),
        ("time to first token", "p99"),
        ("time per output token", "p50"),
    ]
    assert len(rows) == 9 + 4


def test_whether_a_prediction_is_inside_is_only_said_of_a_whole_interval(run: Callable[[str], Run]) -> None:
    few = metrics.comparison(run("inconclusive").rehearsal)
    assert {row.words: row.within for row in few[:3]} == {"p50": True, "p95": None, "p99": None}


def test_a_run_without_numbers_has_no_comparison(run: Callable[[str], Run]) -> None:
    assert metrics.comparison(run("denied").rehearsal) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ship", "prod can ship: all 6 thresholds hold."),
        ("hold", "staging should not ship: 3 of 6 thresholds broken."),
        ("denied", "staging should not ship: 1 of 3 thresholds broken, 1 policy violation."),
        ("regression", "prod should not ship: worse than the kept baseline."),
        ("inconclusive", "This run cannot decide on dev: 2 of 4 thresholds undecided."),
    ],
)
def test_the_headline_is_one_sentence(run: Callable[[str], Run], name: str, words: str) -> None:
    assert sentences.headline(run(name).rehearsal) == words


def test_a_threshold_held_against_two_sources_counts_once(document: Document, read: Read) -> None:
    documents = document("ship")
    lines = documents["rehearsal"]["thresholds"]
    documents["rehearsal"]["thresholds"] = [
        *lines,
        *({**line, "source": "predicted", "holds": None, "decides": False} for line in lines if line["source"] == "measured"),
    ]
    assert sentences.headline(read(documents).rehearsal) == "prod can ship: all 6 thresholds hold."


def test_a_measurement_that_does_not_count_breaks_nothing(document: Document, read: Read) -> None:
    documents = document("hold")
    for line in documents["rehearsal"]["thresholds"]:
        line["holds"] = {"measured": None, "cost": False}.get(line["source"], line["holds"])
    rehearsal = read(documents).rehearsal
    assert sentences.headline(rehearsal) == "staging should not ship: 1 of 6 thresholds broken."
    assert {line.source for line in metrics.lines(rehearsal) if line.holds is False} == {"cost"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ship", "It rests on a prediction and on a measurement of 478 requests."),
        ("hold", "of which 27 failed"),
        ("all-failed", "of which every one failed"),
        ("graph-mode", "It rests on a prediction of 478 requests; nothing was measured."),
        ("denied", "Nothing was predicted or measured"),
    ],
)
def test_it_is_said_what_the_verdict_rests_on(run: Callable[[str], Run], name: str, words: str) -> None:
    assert words in sentences.basis(run(name).rehearsal)


def test_what_the_money_buys_is_read_from_the_graph_and_the_outcome(run: Callable[[str], Run]) -> None:
    found = run("ship")
    items = {item.label: item.value for item in sentences.what_it_buys(found.rehearsal)}
    assert items == {
        "replicas of the engine": "3",
        "GPUs": "3",
        "nodes": "14",
        "output tokens per second": "245.4",
        "per million output tokens": "$42.11",
    }


def test_a_cost_with_a_missing_price_is_at_least(run: Callable[[str], Run]) -> None:
    cost = run("hold").rehearsal.cost
    assert cost is not None
    assert sentences.monthly(cost).startswith("at least $")
    assert sentences.amount(cost, 48.2) == "at least $48.20"
    blank = cost.model_copy(update={"pools": [pool.model_copy(update={"usd_per_hour": None}) for pool in cost.pools]})
    assert (sentences.monthly(blank), sentences.amount(blank, 0.0), sentences.budget(blank)) == ("—", "—", "")
    assert sentences.budget(cost) == "at least 90.5 % of the budget of $30,000"
    free = cost.model_copy(update={"monthly_usd": 0.0, "budget_usd": 0.0})
    assert (sentences.budget(free), sentences.budget(free.model_copy(update={"unpriced": ()}))) == ("", "within the budget of $0")
    assert sentences.budget(cost.model_copy(update={"budget_usd": 0.0})) == "over the budget of $0"
    assert [item.value for item in sentences.zeros(cost)] == [
        "edge",
        "cache (aws/eu-west-2/r9z.4xlarge)",
        "traffic between zones, load balancers, support plan",
    ]


def test_what_the_generator_says_has_units() -> None:
    said = Generator(
        kind="open-loop", sent=478, cpu_share=0.113, offered_per_s=8.0, lag_p99_ms=1.84, lag_max_ms=None, cpu_us_per_frame=14.8
    )
    assert [(item.label, item.value) for item in facts(said)] == [
        ("kind", "open-loop"),
        ("CPU of the busiest process", "11.3 %"),
        ("sent", "478"),
        ("offered", "8.00/s"),
        ("lag p99", "1.84 ms"),
        ("CPU per frame", "14.80 µs"),
    ]
