"""Applications that answer by a trained policy: what an operator may write, and what their pods mount and run."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stacks.components.workloads.training import policy_file, program_of
from stacks.environment import Environment, TrainingJob
from stacks.environment.workloads import GENRES
from workloads.applications.spec import ApplicationSpec
from workloads.reinforcement.spec import ReinforcementSpec

PLAY = {"name": "play", "pool": "laptop", "reinforcement": {"algorithm": "q-learning", "environment": "noughts-and-crosses"}}
CATALOGUE = {genre: ["one"] for genre in GENRES}


def environment(**section: Any) -> Environment:
    return Environment.model_validate({"name": "test", "training": [PLAY], "applications": [{"name": "a", "policy_of": "play", **section}]})


def test_the_policy_is_where_its_run_leaves_it() -> None:
    run = TrainingJob.model_validate(PLAY)
    assert policy_file(run) == f"{ReinforcementSpec.from_args(program_of(run)[1]).out}/policy.checkpoint"


def test_the_arguments_name_the_program_and_wait_for_the_policy() -> None:
    args = ApplicationSpec("recommender", "/checkpoints/a/policy.checkpoint", "/etc/catalogue/catalogue.json").to_args()
    assert args[:2] == ["workloads.applications.recommender", "serve"]
    assert {"--wait", "--port=8096", "--catalogue=/etc/catalogue/catalogue.json"} <= set(args)


def test_an_application_answers_by_a_run_that_learns_what_it_needs() -> None:
    assert environment(program="game").applications[0].policy_of == "play"


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"program": "game", "policy_of": "pley"}, "'pley' does not exist; there is play"),
        ({"program": "recommender", "catalogue": CATALOGUE}, "the recommender needs: q-learning in recommender"),
        ({"program": "game", "catalogue": CATALOGUE}, "which only the recommender reads"),
        ({"program": "recommender"}, "no items of genre 0, 1, 2, 3, 4, 5, 6, 7"),
        ({"program": "recommender", "catalogue": CATALOGUE | {"3": []}}, "at least 1 item"),
        ({"program": "recommender", "catalogue": CATALOGUE | {"9": ["one"]}}, "pattern"),
        ({"program": "game", "pool": "gpus"}, "'gpus' does not exist"),
    ],
)
def test_what_makes_no_sense_is_told(section: dict[str, Any], reason: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=reason):
        environment(**section)
