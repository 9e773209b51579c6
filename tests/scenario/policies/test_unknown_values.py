"""A plan may give any value as secret, or as not known yet: everything that reads the graph goes on, and no rule is silent about it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from policies import assess
from sandtable.report.charts.graph import picture
from sandtable.report.dot import to_dot
from stacks.environment import Environment
from stacks.graph import SECRET, Graph, compare
from stacks.graph.marks import PULUMI_UNKNOWN
from stacks.graph.sources import from_preview, from_state
from stacks.pricing.costs import monthly_cost

OBJECTS = json.loads((Path(__file__).parent / "breaks_every_rule.json").read_text(encoding="utf-8"))
MARKS = [*sorted(PULUMI_UNKNOWN), SECRET]
#: Where a secret is a text that a rule may well find.
READABLE = ("env", "args", "command", "data")
#: Objects refer to each other by name; one whose name is not known is another one.
NAMES = (("metadata",), ("metadata", "name"))


def graph_of(objects: list[dict[str, Any]]) -> Graph:
    steps = [{"op": "create", "urn": state["urn"], "newState": state} for state in map(state_of, objects)]
    return from_preview({"steps": steps, "changeSummary": {"create": len(steps)}})


def state_of(manifest: dict[str, Any]) -> dict[str, Any]:
    kind = f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}"
    return {"urn": f"urn:pulumi:t::p::{kind}::{manifest['kind']}", "type": kind, "custom": True, "inputs": manifest}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place below the kind and the version, whole mappings and lists too."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if (*path, key) not in {("kind",), ("apiVersion",)}:
            yield (*path, key)
            yield from paths(item, (*path, key))


def marked(index: int, path: tuple[Any, ...], mark: str) -> list[dict[str, Any]]:
    objects = copy.deepcopy(OBJECTS)
    here = objects[index]
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = mark
    return list(objects)


PLACES = [(index, path) for index, manifest in enumerate(OBJECTS) for path in paths(manifest) if path not in NAMES]


def said(graph: Graph) -> tuple[set[tuple[str, str]], set[str]]:
    """Rule and URN of each finding, and the rules that were not judged somewhere."""
    assessment = assess(graph, Environment(name="prod"))
    return {(finding.rule, finding.urn) for finding in assessment.findings}, {rule.rule for rule in assessment.not_applicable}


@cache
def before() -> tuple[set[tuple[str, str]], set[str]]:
    return said(graph_of(OBJECTS))


def test_the_objects_have_enough_to_lose() -> None:
    findings, _ = before()
    assert len(PLACES) > 150
    assert len({rule for rule, _ in findings}) >= 16


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{OBJECTS[place[0]]['kind']}.{'.'.join(map(str, place[1]))}")
def test_any_value_may_be_unknown_or_secret(place: tuple[int, tuple[Any, ...]]) -> None:
    index, path = place
    mark = MARKS[PLACES.index(place) % len(MARKS)]
    objects = marked(index, path, mark)
    graph = graph_of(objects)
    findings, _ = before()
    now, skipped = said(graph)
    if mark != SECRET or not {*path} & {*READABLE}:
        assert now <= findings, "an unknown value breaks no rule"
    assert {rule for rule, _ in findings - now} <= skipped, "no breach goes away without a word"
    assert_everything_reads(graph, objects)


@pytest.mark.parametrize("index", range(len(OBJECTS)))
@pytest.mark.parametrize("path", NAMES)
@pytest.mark.parametrize("mark", MARKS[-2:])
def test_an_object_may_have_no_known_name(index: int, path: tuple[str, ...], mark: str) -> None:
    objects = marked(index, path, mark)
    graph = graph_of(objects)
    assert said(graph)
    assert_everything_reads(graph, objects)


def assert_everything_reads(graph: Graph, objects: list[dict[str, Any]]) -> None:
    assert monthly_cost(graph, bundled()).monthly_usd >= 0
    assert to_dot(graph)
    assert picture(graph)
    assert not compare(graph, from_state({"deployment": {"resources": [state_of(one) for one in objects]}}))


@cache
def bundled() -> Any:
    from stacks.pricing.prices import PriceBook

    return PriceBook.bundled()
