"""Answers to what-if questions where a table alone would mislead or run away."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from sandtable.document.answers.whatif import WhatIf
from sandtable.terminal import show_whatif


def shown(document: dict[str, Any], console: Console) -> str:
    show_whatif(WhatIf.model_validate(document), console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return " ".join(file.getvalue().split())


def test_thousands_of_pods_without_a_node_are_one_line(console: Callable[..., Console], answers: SimpleNamespace) -> None:
    document = answers.whatif().model_dump(mode="json")
    document["scenarios"][1]["unschedulable"] = {f"ai/ai-stack-{n}": "no node with a free GPU" for n in range(6, 1006)} | {
        "web/web-0": "every node that would take it is away"
    }
    text = shown(document, console(140))
    assert "ai/ai-stack-10, ai/ai-stack-100 and 998 more pods have no node: no node with a free GPU" in text
    assert "web/web-0 has no node: every node that would take it is away" in text
    assert text.count("no node with a free GPU") == 2  # the other one is another scenario's


def without_prices(cost: dict[str, Any], *pools: str) -> dict[str, Any]:
    """Return ``cost`` as it is where the book lacks the rows of these pools."""
    kept = [pool | ({"usd_per_hour": None, "monthly_usd": None} if pool["name"] in pools else {}) for pool in cost["pools"]]
    monthly = sum(pool["monthly_usd"] or 0.0 for pool in kept)
    return cost | {"pools": kept, "monthly_usd": monthly, "unpriced": [f"pool {name}: no price" for name in pools]}


def test_what_has_no_price_is_not_shown_as_free(console: Callable[..., Console], answers: SimpleNamespace) -> None:
    document = answers.whatif().model_dump(mode="json")
    for scenario in document["scenarios"]:
        scenario["cost"] = without_prices(scenario["cost"], *(pool["name"] for pool in scenario["cost"]["pools"]))
        scenario["usd_per_million_output_tokens"] = 0.0
    text = shown(document, console(140))
    assert "USD a month — — —" in text
    assert "USD/M tokens — — —" in text
    assert "cost not known" in text
    assert "$" not in text
    assert "same" not in text.replace("the same for every", "")


def test_a_cost_with_a_missing_price_is_at_least_and_differs_by_nothing_known(
    console: Callable[..., Console], answers: SimpleNamespace
) -> None:
    document = answers.whatif().model_dump(mode="json")
    document["scenarios"][1]["cost"] = without_prices(document["scenarios"][1]["cost"], "serving")  # the other side is whole
    text = shown(document, console(140))
    assert "USD a month $27,151 at least $7,564 $27,151 same" in text
    assert "USD/M tokens $48.20 at least $48.20 $48.20" in text
    assert "cost at least $7,564 a month, its difference not known" in text
    assert "exact" not in text


def test_a_loss_comes_before_what_got_better_for_those_that_were_left(console: Callable[..., Console], answers: SimpleNamespace) -> None:
    document = answers.whatif().model_dump(mode="json")
    lossy = document["scenarios"][1]
    lossy["metrics"]["p95_ttft_ms"] = {"mean": 158.7, "ci95": [150.0, 167.0], "n": 12, "verdict": "undefined"} | {
        "difference": {"mean": -23.7, "ci95": [-30.0, -17.0], "n": 12}
    }
    lossy["metrics"]["good_share"] |= {"mean": 0.036, "ci95": [0.03, 0.042]}
    text = shown(document, console(140))
    assert "158.7 ?" in text
    assert "traffic=2x: good requests down to 3.6 % [3.00, 4.20], p95 TTFT -13 % [-16, -9.3] for those, tokens/s" in text


def test_nothing_is_shown_to_fall_by_more_than_there_was(console: Callable[..., Console], answers: SimpleNamespace) -> None:
    assert "-101" not in shown(answers.whatif().model_dump(mode="json"), console(140))


def test_an_interval_that_nothing_bounds_has_no_ends(console: Callable[..., Console], answers: SimpleNamespace) -> None:
    document = answers.whatif().model_dump(mode="json")
    for scenario in document["scenarios"]:
        for metric in scenario["metrics"].values():
            metric |= {"ci95": [None, None], "n": 1}
            if metric["difference"]:
                metric["difference"] |= {"ci95": [None, None], "n": 1}
    assert "+181 % [?, ?]" in shown(document, console(140))


def test_a_pair_says_which_is_cheaper_and_by_how_much(console: Callable[..., Console], answers: SimpleNamespace) -> None:
    document = answers.whatif().model_dump(mode="json")
    tokens = {"mean": 40.0, "ci95": [39.0, 41.0], "n": 12, "verdict": "better", "difference": {"mean": -8.2, "ci95": [-8.7, -7.7], "n": 12}}
    latency = tokens | {"verdict": "not distinguishable", "difference": {"mean": 0.4, "ci95": [-1.0, 1.8], "n": 12}}
    pair = {"first": "traffic=2x", "second": "spot=0.7", "monthly_usd": -1200.0}
    document["pairs"] = [pair | {"metrics": {"usd_per_million_output_tokens": tokens, "p95_ttft_ms": latency}}]
    text = shown(document, console(80))
    assert "spot=0.7 against traffic=2x" in text
    assert "spot=0.7 is cheaper than traffic=2x by $8.20 ± $0.50 a million tokens; -$1,200 a month." in text
    assert "0.400 ± 1.40" in text
    document["pairs"][0]["metrics"]["usd_per_million_output_tokens"]["verdict"] = "not distinguishable"
    assert "cannot be told apart by what a token costs ($8.20 ± $0.50 a million tokens; -$1,200 a month)" in shown(document, console(80))
