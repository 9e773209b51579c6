"""The kept baseline: what it is compared with, and what is not a baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foundation.measures import Outcome, RequestRecord
from sandtable.errors import UsageError
from sandtable.jobs.baseline import Baseline, load_digest
from stacks.traffic import PlannedRequest

PLAN = [PlannedRequest(0, 0.0, 10, 5), PlannedRequest(1, 0.5, 20, 5)]
OUTCOME = Outcome.from_records([RequestRecord(0.0, 0.0, 0.1, 0.5, 10, 5, "a")], replicas=["a"], seed=1)
KEPT = Baseline(OUTCOME, load_digest(PLAN), "1 with --threads=1")


def test_it_survives_its_file(tmp_path: Path) -> None:
    file = tmp_path / "baselines" / "dev.json"
    assert Baseline.read(file) is None
    KEPT.write(file)
    again = Baseline.read(file)
    assert again is not None
    assert (again.load, again.engines, again.outcome.to_json()) == (KEPT.load, KEPT.engines, OUTCOME.to_json())


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"requests": 3}', '{"outcome": {"requests": 3}, "load": "", "engines": ""}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dev.json").write_text(text)
    with pytest.raises(UsageError, match=r"dev\.json"):
        Baseline.read(tmp_path / "dev.json")


def test_the_same_load_is_compared() -> None:
    assert KEPT.against(KEPT) == (OUTCOME, None)


def test_another_load_is_not_compared() -> None:
    outcome, remark = KEPT.against(replace(KEPT, load=load_digest(PLAN[:1])))
    assert outcome is None
    assert remark is not None
    assert "which was measured with another load" in remark


def test_other_engines_are_compared_and_named() -> None:
    outcome, remark = KEPT.against(replace(KEPT, engines="2 with --threads=1"))
    assert outcome is OUTCOME
    assert remark == "compared with a baseline of different engines: 1 with --threads=1; now 2 with --threads=1"


@pytest.mark.parametrize("change", [{"at_s": 0.6}, {"prompt_tokens": 21}, {"output_tokens": 6}])
def test_every_part_of_a_request_is_in_the_digest(change: dict[str, float]) -> None:
    assert load_digest([PLAN[0], replace(PLAN[1], **change)]) != load_digest(PLAN) == load_digest(list(PLAN))
