"""Faults of the environment and of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.formats.changes import Change
from sandtable.errors import UsageError
from sandtable.jobs.asked_faults import asked_faults
from stacks.environment import Environment
from stacks.environment.file import load

DEV = load("dev", root=Path(__file__).parents[4])


def test_faults_come_in_order_of_their_start() -> None:
    found = asked_faults(DEV, ["engine=kill@30s+5s", "anthropic=503@20s+15s+gemini=s08@1m"])
    assert found == (
        Change("anthropic", "503", 20.0, 15.0),
        Change("engine", "kill", 30.0, 5.0),
        Change("gemini", "s08", 60.0, None),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("anthropic", "is not `kind=value`"),
        ("anthropic=503", "does not say when it starts"),
        ("anthropic=sideways@3s", "no such fault"),
        ("engine=evict@3s", "write `engine=kill@…`"),
        ("moon=503@3s", "there is anthropic, gemini, engine"),
        ("coordination=kill@3s", "this environment has no `coordination`"),
    ],
)
def test_a_fault_that_cannot_be_injected_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=r"--fault .*" + why):
        asked_faults(DEV, [text])


def test_an_environment_names_its_own_faults_and_is_checked_like_the_rest() -> None:
    fields = DEV.model_dump()
    known = Environment.model_validate(fields | {"faults": ["anthropic=503@20s+15s"]})
    assert [fault.kind for fault in asked_faults(known, [])] == ["anthropic"]
    with pytest.raises(ValueError, match="no provider of the gateway"):
        Environment.model_validate(fields | {"faults": ["openai=503@20s"]})
    with pytest.raises(ValueError, match="does not say when it starts"):
        Environment.model_validate(fields | {"faults": ["anthropic=503"]})


def test_a_mix_needs_a_gateway_and_its_routes() -> None:
    fields = DEV.model_dump()
    fields["traffic"]["mix"][0]["route"] = "nowhere"
    with pytest.raises(ValueError, match="the gateway has no such route; there is small, claude"):
        Environment.model_validate(fields)
    fields["traffic"]["mix"] = [{"wire": "openai", "route": "small", "share": 0.5}]
    with pytest.raises(ValueError, match=r"add up to 0\.5"):
        Environment.model_validate(fields)
