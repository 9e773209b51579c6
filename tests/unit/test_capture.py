"""The README shows a rehearsal that counts, or keeps the pictures that it has."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES: dict[str, Any] = runpy.run_path(str(ROOT / "tests" / "golden" / "example_run.py"))
CAPTURE = runpy.run_path(str(ROOT / "docs" / "capture.py"))


def test_a_run_that_ships_may_be_shown() -> None:
    assert CAPTURE["unfit"](EXAMPLES["documents"]("ship")["rehearsal"]) == []


@pytest.mark.parametrize("name", sorted(set(EXAMPLES["RUNS"]) - {"ship"}))
def test_no_other_run_may(name: str) -> None:
    document = EXAMPLES["documents"](name)["rehearsal"]
    reasons = CAPTURE["unfit"](document)
    assert f"the verdict is {document['verdict']}" in reasons
    assert ("nothing was measured" in reasons) is (document["measured"] is None)


def test_a_measurement_that_does_not_count_may_not_be_shown_whatever_the_verdict() -> None:
    document = EXAMPLES["documents"]("ship")["rehearsal"]
    document["load"]["invalid"] = ["the generator sent late"]
    assert CAPTURE["unfit"](document) == ["the measurement does not count: the generator sent late"]
