"""How a scenario is written, and what is said to a scenario that cannot be meant."""

from __future__ import annotations

import pytest

from simulations.whatif import KINDS, UnknownScenarioError, parse_scenario


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("traffic=2x", [("traffic", "2")]),
        ("spot=0.7", [("spot", "0.7")]),
        ("replicas=-1", [("replicas", "-1")]),
        ("traffic=1.5x+replicas=+2", [("traffic", "1.5"), ("replicas", "+2")]),
        ("traffic=2x+zone-lost=eu-north-1a", [("traffic", "2"), ("zone-lost", "eu-north-1a")]),
        (" gpu=A100-80GB ", [("gpu", "A100-80GB")]),
        ("zone-lost=a+zone-lost=b+node-lost=gpu", [("zone-lost", "a"), ("zone-lost", "b"), ("node-lost", "gpu")]),
    ],
)
def test_scenarios_are_read(text: str, changes: list[tuple[str, str]]) -> None:
    scenario = parse_scenario(text)
    assert [(change.kind, change.value) for change in scenario.changes] == changes
    assert scenario.name == text.strip()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("trafic=2x", "'trafic' is not a kind of scenario, did you mean 'traffic'?\n"),
        ("moon=full", "'moon' is not a kind of scenario."),
        ("traffic=2", "'2' is not a value for 'traffic'; write traffic=2x"),
        ("traffic=0x", "'0x' is not a value for 'traffic'"),
        ("traffic", "'traffic' is not `kind=value`"),
        ("spot=1.2", "'1.2' is not a value for 'spot'"),
        ("slots=0", "'0' is not a value for 'slots'"),
        ("replicas=few", "'few' is not a value for 'replicas'"),
        ("traffic=2x+traffic=3x", "'traffic' is given twice."),
        ("zone-lost=a+zone-lost=a", "'zone-lost=a' is given twice."),
        ("traffic=٢x", "'٢x' is not a value for 'traffic'"),
        ("replicas=٣", "'٣' is not a value for 'replicas'"),
        ("replicas=99999999", "'99999999' is not a value for 'replicas'; write replicas=5, replicas=+1, replicas=-1 (at most 9,999)."),
        ("slots=99999999999", "'99999999999' is not a value for 'slots'; write slots=8 (1 to 9,999)."),
        ("spot=2", "'2' is not a value for 'spot'; write spot=0.7 (0 to 1)."),
        ("traffic=9999999999x", "'9999999999x' is not a value for 'traffic'; write traffic=2x (above 0 and below 1,000,000,000)."),
        ("price=10000x", "'10000x' is not a value for 'price'; write price=1.2x (above 0 and below 10,000)."),
        ("spot-nodes=1.5", "'1.5' is not a value for 'spot-nodes'; write spot-nodes=0.5 (0 to 1)."),
        ("spot-nodes=nan", "'nan' is not a value for 'spot-nodes'"),
        ("tensor-parallel=0", "'0' is not a value for 'tensor-parallel'; write tensor-parallel=2 (1 to 99)."),
        ("gpu=", "'' is not a value for 'gpu'; write gpu=A100-80GB."),
        ("traffic=2x@20s", "'traffic' applies to the whole run and has no start"),
        ("zone-lost=a@20", "'20' after the @ is not a start such as 20s"),
        ("zone-lost=zürich", "'zürich' is not a value for 'zone-lost'"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_lists_every_kind(text: str, reason: str) -> None:
    with pytest.raises(UnknownScenarioError) as caught:
        parse_scenario(text)
    assert reason in str(caught.value)
    for kind in KINDS.values():
        assert f"{kind.example:<38} {kind.meaning}" in str(caught.value)


def test_every_example_in_the_list_can_be_read() -> None:
    for kind in KINDS.values():
        for example in kind.example.split(", "):
            assert parse_scenario(example).changes


def test_a_loss_may_say_when_and_for_how_long() -> None:
    (change,) = parse_scenario("zone-lost=us-east-1a@200s+5m").changes
    assert (change.value, change.start_s, change.end_s) == ("us-east-1a", 200.0, 500.0)
