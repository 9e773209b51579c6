"""What can be judged while values are not known yet, as in a preview of objects that depend on each other.

Rule 1: an unknown value breaks no rule. A breach that depends on one is told as not judged; the update, which knows the value, judges.
Rule 2: a breach beside it still counts. Containers and environment variables are judged each for itself, so the one with the unknown
value is left out and the others stand; an unknown value anywhere else leaves the whole resource in doubt, because a rule would take
its absence for the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from stacks.graph import UNKNOWN, Graph, Resource

#: Lists whose items are judged each for itself.
_APART: Final = frozenset({"containers", "initContainers", "ephemeralContainers", "env"})
#: What names an object decides nothing about it.
_NAMES: Final = frozenset({"name", "generateName"})
#: Kinds that decide about others: in doubt, they leave every breach of a rule over the stack in doubt.
_DECIDE_ABOUT_OTHERS: Final = frozenset({"HorizontalPodAutoscaler", "NetworkPolicy", "Node", "PodDisruptionBudget", "PriorityClass"})

REASON: Final = "a value is not known before the deployment"


@dataclass(frozen=True)
class Settled:
    """A graph without its unknown values, and the URNs of the resources that this leaves in doubt."""

    graph: Graph
    doubtful: frozenset[str]

    def is_certain(self, urn: str | None) -> bool:
        """Whether a breach of a rule over the stack holds at this resource (None: at the stack) whatever the unknown values are."""
        return urn not in self.doubtful and not any(r.kind in _DECIDE_ABOUT_OTHERS for r in self.graph if r.urn in self.doubtful)


def settle(graph: Graph) -> Settled:
    """Return what is known of ``graph``."""
    doubtful, resources = [], []
    for resource in graph:
        known, doubt = settle_resource(resource)
        resources.append(known)
        if doubt:
            doubtful.append(resource.urn)
    return Settled(Graph(tuple(resources), graph.source, graph.unseen), frozenset(doubtful))


def settle_resource(resource: Resource) -> tuple[Resource, bool]:
    """Return the resource without its unknown values, and whether it is in doubt."""
    inputs, doubt = _known(resource.inputs)
    return (resource if inputs == resource.inputs else replace(resource, inputs=inputs)), doubt


def _known(value: Any) -> tuple[Any, bool]:
    if isinstance(value, Mapping):
        kept, doubt = {}, False
        for key, item in value.items():
            if key in _APART and isinstance(item, list):
                parts = [_known(part) for part in item if part != UNKNOWN]
                kept[key] = [known for known, unsure in parts if not unsure]
            elif item == UNKNOWN:
                doubt = doubt or key not in _NAMES
                if key in _NAMES:
                    kept[key] = item
            else:
                kept[key], unsure = _known(item)
                doubt = doubt or unsure
        return kept, doubt
    if isinstance(value, list):
        items = [_known(item) for item in value if item != UNKNOWN]
        return [known for known, _ in items], len(items) < len(value) or any(unsure for _, unsure in items)
    return value, False
