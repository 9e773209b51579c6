"""Matching of label selectors and node selector terms.

Rule 1: an empty label selector selects everything, an absent one nothing (apimachinery, ``LabelSelectorAsSelector``).
Rule 2: a requirement that the API server would reject (an unknown operator, ``In`` without values, ``Gt`` without a number) selects
nothing, and so does every selector that contains it.
Rule 3: node selector terms are alternatives; a term without requirements selects no node (core/v1, ``NodeSelectorTerm``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}")
_INT64: Final = range(-(2**63), 2**63)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (``matchLabels``, ``matchExpressions``) selects an object with these labels; None selects nothing."""
    if selector is None:
        return False
    exact = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return exact and all(_holds(requirement, labels, _OF_OBJECTS) for requirement in selector.get("matchExpressions") or ())


def selects_everything(selector: Mapping[str, Any] | None) -> bool:
    """Whether a label selector has no conditions: ``{}``, but not an absent one."""
    return selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions")


def selects_node(terms: Sequence[Mapping[str, Any]], labels: Mapping[str, str], name: str) -> bool:
    """Whether one of ``nodeSelectorTerms`` selects the node with these labels and this name."""
    return any(_term_selects(term, labels, name) for term in terms)


def _term_selects(term: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    expressions, of_fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not of_fields:
        return False
    fields = {"metadata.name": name}
    return all(_holds(requirement, labels, _OF_NODES) for requirement in expressions) and all(
        _holds(requirement, fields, _OF_FIELDS) and len(requirement.get("values") or ()) == 1 for requirement in of_fields
    )


_OF_FIELDS: Final = frozenset({"In", "NotIn"})
_OF_OBJECTS: Final = _OF_FIELDS | {"Exists", "DoesNotExist"}
_OF_NODES: Final = _OF_OBJECTS | {"Gt", "Lt"}


def _holds(requirement: Mapping[str, Any], labels: Mapping[str, str], operators: frozenset[str]) -> bool:
    operator, values = requirement.get("operator"), requirement.get("values") or ()
    value = labels.get(str(requirement.get("key")))
    if operator not in operators or bool(values) == (operator in {"Exists", "DoesNotExist"}):
        return False
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return _compares(value, values, greater=operator == "Gt")


def _compares(value: str | None, bounds: Sequence[str], *, greater: bool) -> bool:
    """Compare as the scheduler does: with one bound, and 64-bit integers on both sides."""
    texts = [str(value or ""), *map(str, bounds)]
    if len(texts) != 2 or not all(_WHOLE.fullmatch(text) and int(text) in _INT64 for text in texts):
        return False
    number, bound = map(int, texts)
    return number > bound if greater else number < bound
