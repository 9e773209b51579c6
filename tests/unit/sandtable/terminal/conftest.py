"""The example documents, a console of any kind, and the golden files."""

from __future__ import annotations

import io
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from sandtable.terminal.console import THEME

GOLDEN = Path(__file__).parents[3] / "golden"
ANSWERS = SimpleNamespace(**runpy.run_path(str(GOLDEN / "example_answers.py")))
EXAMPLES = runpy.run_path(str(GOLDEN / "example_run.py"))
RUNS: dict[str, dict[str, Any]] = {name: json.loads(json.dumps(make())) for name, make in EXAMPLES["RUNS"].items()}


@pytest.fixture
def runs() -> dict[str, dict[str, Any]]:
    """Return the documents of every example run, by name; not to be changed."""
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
