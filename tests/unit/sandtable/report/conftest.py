"""The example runs and the golden files, loaded by path."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandtable.document.reading import Run, parse_graph, parse_rehearsal, parse_samples
from sandtable.report.page import render_page

GOLDEN = Path(__file__).parents[3] / "golden"
EXAMPLES = runpy.run_path(str(GOLDEN / "example_run.py"))
RUNS: dict[str, Run] = EXAMPLES["RUNS"]
NAMES = list(RUNS)


@cache
def rendered(name: str) -> str:
    return render_page(RUNS[name])


def typed(documents: dict[str, Any], name: str = "example") -> Run:
    samples = parse_samples(documents.get("samples") or {})
    return Run(name, parse_rehearsal(documents["rehearsal"]), samples, parse_graph(documents.get("graph")))


@pytest.fixture
def document() -> Callable[[str], dict[str, Any]]:
    """Return a fresh copy of the documents of a run, by name."""
    found: Callable[[str], dict[str, Any]] = EXAMPLES["documents"]
    return found


@pytest.fixture
def run() -> Callable[[str], Run]:
    """Return a typed run, by name."""
    return RUNS.__getitem__


@pytest.fixture
def page() -> Callable[[str], str]:
    """Return the page of a run, by name; each is rendered once."""
    return rendered


@pytest.fixture(params=NAMES)
def any_page(request: pytest.FixtureRequest) -> str:
    """The page of every example run in turn."""
    return rendered(request.param)


@pytest.fixture
def read() -> Callable[[dict[str, Any]], Run]:
    """Return a typed run from documents."""
    return typed


@pytest.fixture(params=NAMES)
def any_run(request: pytest.FixtureRequest) -> Run:
    """Every example run in turn."""
    found: Run = RUNS[request.param]
    return found


@pytest.fixture
def write() -> Callable[[str, Path], Path]:
    """Return a function that writes a run into a root folder, as a rehearsal does."""
    found: Callable[[str, Path], Path] = EXAMPLES["write"]
    return found


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Return the comparison with a golden file."""
    found: Callable[[str, str], None] = runpy.run_path(str(GOLDEN / "check.py"))["check"]
    return found
