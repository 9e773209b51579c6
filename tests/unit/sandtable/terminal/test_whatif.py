"""Answers to what-if questions where a table alone would mislead or run away."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from sandtable.terminal import show_whatif


def shown(document: dict[str, Any], console: Console) -> str:
    show_whatif(document, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return " ".join(file.getvalue().split())


def test_thousands_of_pods_without_a_node_are_one_line(console: Callable[..., Console], answers: SimpleNamespace) -> None:
    document = answers.whatif()
    document["scenarios"][1]["unschedulable"] = {f"ai/ai-stack-{n}": "no node with a free GPU" for n in range(6, 1006)} | {
        "web/web-0": "every node that would take it is away"
    }
    text = shown(document, console(140))
    assert "ai/ai-stack-10, ai/ai-stack-100 and 998 more pods have no node: no node with a free GPU" in text
    assert "web/web-0 has no node: every node that would take it is away" in text
    assert text.count("no node with a free GPU") == 2  # the other one is another scenario's


def test_an_interval_that_nothing_bounds_has_no_ends(console: Callable[..., Console], answers: SimpleNamespace) -> None:
    document = answers.whatif()
    for scenario in document["scenarios"]:
        for metric in scenario["metrics"].values():
            metric |= {"ci95": [None, None], "n": 1}
            if metric["difference"]:
                metric["difference"] |= {"ci95": [None, None], "n": 1}
    assert "+181 % [?, ?]" in shown(document, console(140))
