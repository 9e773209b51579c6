"""The example documents that the displays are tested with are documents that the program can write."""

from __future__ import annotations

import json
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sandtable.document.building import EXIT

ROOT = Path(__file__).parents[3]
EXAMPLES: dict[str, Any] = runpy.run_path(str(ROOT / "tests" / "golden" / "example_run.py"))
RUNS = EXAMPLES["RUNS"]
ANSWERS: dict[str, Any] = runpy.run_path(str(ROOT / "tests" / "golden" / "example_answers.py"))
#: Which function gives the document of which schema.
DOCUMENTS = {"check": "check", "plan": "preview", "drift": "refresh", "measurement": "loadtest", "whatif": "whatif"}
VERDICTS = {"ship": {0}, "hold": {3, 5, 6}, "inconclusive": {4}}


@cache
def made(name: str) -> dict[str, Any]:
    """Return an example run; building one takes longer than looking at it."""
    run: dict[str, Any] = EXAMPLES["documents"](name)
    return run


def hold(document: Any, schema: str) -> None:
    validator = Draft202012Validator(json.loads((ROOT / "docs" / "schemas" / f"{schema}.json").read_text(encoding="utf-8")))
    document = json.loads(json.dumps(document, allow_nan=False))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize("name", RUNS)
def test_a_run_keeps_its_schemas(name: str) -> None:
    run = made(name)
    hold(run["rehearsal"], "rehearsal")
    hold(run["graph"], "graph")
    hold(run["samples"], "samples")


@pytest.mark.parametrize("name", RUNS)
def test_a_run_says_the_same_everywhere(name: str) -> None:
    run = made(name)
    document = run["rehearsal"]
    assert document["exit_code"] in VERDICTS[document["verdict"]]
    assert document["graph"]["resources"] == len(run["graph"]["resources"])
    for side in ("predicted", "measured"):
        assert (document[side] is None) is (run["samples"][side] is None)
    denied = any(finding["severity"] == "deny" and finding["waived_by"] is None for finding in document["policies"])
    assert denied is (document["exit_code"] == 6)
    assert not (denied and document["predicted"]), "a policy that denies ends a rehearsal before anything is created"


def test_there_is_a_run_for_every_way_to_end() -> None:
    assert {made(name)["rehearsal"]["exit_code"] for name in RUNS} == {int(code) for code in EXIT.values()}


@pytest.mark.parametrize(("name", "schema"), DOCUMENTS.items())
def test_an_answer_keeps_its_schema(name: str, schema: str) -> None:
    hold(ANSWERS[name]().model_dump(mode="json"), schema)
