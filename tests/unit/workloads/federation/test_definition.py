"""The definition is one canonical line, and what contradicts itself is refused with a remedy."""

from __future__ import annotations

import pytest

from tests.unit.workloads.federation.federations import member
from workloads.federation.definition import Definition, Privacy, Strategy
from workloads.federation.errors import DefinitionError
from workloads.federation.rounds.roster import Roster


def test_equal_definitions_have_one_digest_and_others_another() -> None:
    written = Definition(rounds=7, strategy=Strategy(name="scaffold"))
    read = Definition.from_json(written.to_json())
    assert read == written
    assert read.digest == Definition.from_json('{"rounds": 7, "strategy": {"name": "scaffold"}}').digest
    assert read.digest != Definition(rounds=8, strategy=Strategy(name="scaffold")).digest


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "definition: Invalid JSON"),
        ('{"round": 7}', "^round: Extra inputs"),
        ('{"rounds": "7"}', "^rounds: Input should be a valid integer"),
        ('{"local": {"rate": 0}}', r"^local\.rate: Input should be greater than 0"),
        ('{"strategy": {"name": "krum"}}', "set `secure_aggregation: false`"),
        ('{"privacy": {"unit": "client"}, "secure_aggregation": false}', "set `secure_aggregation: true`"),
        ('{"privacy": {"unit": "client"}, "strategy": {"name": "scaffold"}}', "sensitivity is not bounded"),
    ],
)
def test_a_definition_that_cannot_work_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        Definition.from_json(text)


def test_the_seed_of_a_definition_is_never_that_of_noise() -> None:
    assert "noise" in (Definition.model_fields["seed"].description or "")
    assert Privacy().unit == "record"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"key": "ab"}, "'c0': key is not 64"), ({"consent": "Z" * 64}, "'c0': consent is not 64"), ({"records": 0}, "'c0' has no records")],
)
def test_a_roster_names_the_client_that_is_wrong(change: dict[str, object], reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        Roster({"c0": member("c0", 10).model_copy(update=change)})
