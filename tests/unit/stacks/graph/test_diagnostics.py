"""An error of the engine in one line."""

from __future__ import annotations

from stacks.graph.sources.diagnostics import brief


def test_of_a_traceback_only_what_was_raised() -> None:
    assert brief("error: Program failed\nTraceback (most recent call last):\n  File 'a'\nValueError: no") == "ValueError: no"


def test_a_long_one_is_cut() -> None:
    assert brief("x" * 2000).endswith(" …")
    assert len(brief("x" * 2000)) < 700
