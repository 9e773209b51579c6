"""The documents as types: what is written is read again as it was, and a field is one line in one type."""

from __future__ import annotations

import json
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from sandtable.document import building
from sandtable.document.parts.base import Label, Number, Part
from sandtable.document.parts.load import Generator
from sandtable.document.parts.outcome import Difference, Outcome
from sandtable.document.reading import Run, read_run
from sandtable.document.schemas import Schema
from sandtable.document.writing import to_text
from sandtable.report.words import metrics
from sandtable.report.words.facts import facts
from stacks.graph import Graph, Resource

EXAMPLES: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[3] / "golden" / "example_run.py"))
RUNS: dict[str, Run] = EXAMPLES["RUNS"]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    """So a report that is written again from the files is the one that the rehearsal wrote."""
    read = read_run(EXAMPLES["write"](name, tmp_path))
    assert (read.rehearsal, read.samples) == (RUNS[name].rehearsal, RUNS[name].samples)
    assert read.graph is not None
    assert RUNS[name].graph is not None
    assert read.graph.digest == RUNS[name].graph.digest


def test_a_deployment_without_a_difference_matches_although_it_names_the_builds_of_its_images() -> None:
    def deployment(image: str) -> Graph:
        spec = {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}
        return Graph.of([Resource("u", "t", "web", inputs={"kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})], "x")

    program, deployed = deployment("web:1"), deployment(f"web:1@sha256:{'0' * 64}")
    assert program.digest != deployed.digest
    assert building._summary(program, deployed, ()).matches_deployed is True
    assert building._summary(program, deployed, ("missing: Deployment a",)).matches_deployed is False
    assert building._summary(program, None, ()).matches_deployed is None


class WiderOutcome(Outcome):
    """An outcome with one more line."""

    cached_share: Annotated[Number, Label("answers from the cache", "share")] = None


class WiderGenerator(Generator):
    """A generator with one more line."""

    open_files: Annotated[int | None, Label("open files", "count")] = None


def test_a_new_field_is_one_line_and_is_met_everywhere() -> None:
    outcomes = {side: WiderOutcome(requests=4, cached_share=share) for side, share in (("predicted", 0.25), ("measured", 0.5))}
    rehearsal = RUNS["ship"].rehearsal.model_copy(update=outcomes)
    assert json.loads(to_text(outcomes["measured"]))["cached_share"] == 0.5
    assert "cached_share" in Schema(WiderOutcome, "").to_json()["required"]
    (row,) = (row for row in metrics.comparison(rehearsal) if row.words == "answers from the cache")  # of terminal, page and summary
    assert (row.predicted.text, row.measured.text) == ("25.00", "50.00")
    assert [(fact.label, fact.value) for fact in facts(WiderGenerator(open_files=12))] == [("open files", "12")]


@dataclass(frozen=True)
class _Lacking:
    error: str


class _ErrorCount(Part):
    error: str = ""
    count: int = 0


def test_a_value_that_lacks_a_field_is_an_error_and_no_default() -> None:
    with pytest.raises(AttributeError, match="count"):
        _ErrorCount.of(_Lacking("refused"))
    assert _ErrorCount.of(_Lacking("refused"), count=3).count == 3


@pytest.mark.parametrize(
    ("predicted", "measured", "ci95", "expected"),
    [
        (90.0, 100.0, (80.0, 110.0), (-0.1, True)),
        (120.0, 100.0, (80.0, 110.0), (0.2, False)),
        (90.0, 100.0, (80.0, float("inf")), (-0.1, None)),
        (1.0, 0.0, None, (None, None)),
        (float("nan"), 100.0, (80.0, 110.0), (None, None)),
    ],
)
def test_a_prediction_is_inside_a_bounded_interval_or_it_is_not_said(
    predicted: float, measured: float, ci95: tuple[float, float] | None, expected: tuple[float | None, bool | None]
) -> None:
    found = Difference.between(predicted, measured, ci95)
    assert (found.relative, found.inside) == expected
