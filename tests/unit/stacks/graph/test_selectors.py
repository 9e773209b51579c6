"""Label selectors and node selector terms select what the API server and the scheduler select."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.graph.relations.selectors import selects, selects_everything, selects_node

LABELS = {"app": "web", "tier": "gold", "size": "4"}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {}}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "silver"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["silver"]}]}, False),
        # What the API server refuses selects nothing.
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn"}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "size", "operator": "Gt", "values": ["3"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "in", "values": ["web"]}]}, False),
    ],
)
def test_a_label_selector(selector: Any, selected: bool) -> None:
    assert selects(selector, LABELS) is selected


def test_only_a_selector_without_conditions_selects_everything() -> None:
    assert selects_everything({"matchLabels": {}, "matchExpressions": []})
    assert not selects_everything(None)
    assert not selects_everything({"matchExpressions": [{"key": "a", "operator": "Exists"}]})


def expression(operator: str, *values: str, key: str = "size") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("terms", "selected"),
    [
        ([], False),
        ([{}], False),
        ([{}, {"matchExpressions": [{"key": "app", "operator": "Exists"}]}], True),
        ([expression("Gt", "3")], True),
        ([expression("Gt", "4")], False),
        ([expression("Lt", "+5")], True),
        ([expression("Gt", "1_0")], False),
        ([expression("Lt", " 9")], False),
        ([expression("Gt", "1", "2")], False),
        ([expression("Gt", "-9223372036854775809")], False),
        ([expression("Gt", "1", key="app")], False),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}], True),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["m"]}]}], False),
        ([{"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["m"]}]}], True),
        ([{"matchFields": [{"key": "metadata.name", "operator": "Exists"}]}], False),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}], **expression("Lt", "2")}], False),
    ],
)
def test_node_selector_terms_are_alternatives(terms: Any, selected: bool) -> None:
    assert selects_node(terms, LABELS, "n") is selected


KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from(["x", "y", "1", "2"])


@given(labels=st.dictionaries(KEYS, VALUES), key=KEYS, values=st.lists(VALUES, min_size=1, max_size=3))
def test_an_operator_and_its_opposite_part_the_world(labels: dict[str, str], key: str, values: list[str]) -> None:
    def holds(operator: str, *values: str) -> bool:
        return selects({"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}, labels)

    assert holds("In", *values) != holds("NotIn", *values)
    assert holds("Exists") != holds("DoesNotExist")
    assert not holds("In", *values) or holds("Exists")
