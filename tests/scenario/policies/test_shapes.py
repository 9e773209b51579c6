"""What an object's shape lets through, the rules can judge: their examples are broken key by key, and none speaks in CEL's words."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

import pytest

from policies.assessment import bundled_rules
from policies.objects import CompiledRule
from stacks.errors import ConfigurationError
from stacks.graph.sources.shapes import checked

_OTHERS: Final[tuple[Any, ...]] = (None, 5, "x", [1], {"a": 1}, [None])


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each mapping or list of a manifest with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def broken(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the manifest with one value after the other replaced."""
    changed = copy.deepcopy(manifest)
    for where, key in list(places(changed)):
        kept = where[key]
        for other in _OTHERS:
            where[key] = other
            yield changed
        where[key] = kept


@pytest.mark.parametrize("rule", bundled_rules(), ids=lambda rule: rule.rule.id)
def test_what_fits_its_shape_can_be_judged(rule: CompiledRule) -> None:
    examples = rule.rule.examples
    unjudged = []
    for example in (*examples.passing, *examples.failing):
        checked(example.object, "the example")  # fits
        for manifest in broken(example.object):
            try:
                found = checked(manifest, "the example")
            except ConfigurationError:
                continue
            if rule.rule.applies_to(found) and "cannot be judged" in (message := rule.judge(found).message):
                unjudged.append(message)
    assert unjudged == []
