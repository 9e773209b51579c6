"""The example documents, a console of any kind, and the golden files."""

from __future__ import annotations

import io
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from sandtable.document.reading import Run
from sandtable.terminal.console import THEME

GOLDEN = Path(__file__).parents[3] / "golden"
ANSWERS = SimpleNamespace(**runpy.run_path(str(GOLDEN / "example_answers.py")))
EXAMPLES = runpy.run_path(str(GOLDEN / "example_run.py"))
RUNS: dict[str, Run] = EXAMPLES["RUNS"]


@pytest.fixture
def runs() -> dict[str, Run]:
    """Return every example run, by name."""
    return RUNS


@pytest.fixture
def answers() -> SimpleNamespace:
    """Return the documents of the other commands."""
    return ANSWERS


@pytest.fixture
def console() -> Callable[..., Console]:
    """Return a maker of consoles that write into memory, 80 columns wide unless told."""

    def make(width: int = 80, **options: Any) -> Console:
        return Console(file=io.StringIO(), theme=THEME, width=width, highlight=False, **options)

    return make


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Return the comparison with a golden file."""
    found: Callable[[str, str], None] = runpy.run_path(str(GOLDEN / "check.py"))["check"]
    return found
