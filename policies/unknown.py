"""What can be judged while values are secret or not yet known, as in a preview of objects that depend on each other.

Rule 1: an unknown value neither breaks a rule nor complies with it. If a rule reads one, the rule is reported as not evaluated on that
resource; the update, which knows the value, evaluates it.
Rule 2: a value that a rule does not read cannot change its verdict. For a rule in CEL we look at the words in its text; for one in Python
we watch what it reads from the graph.
Rule 3: a breach next to an unknown value still counts. Containers and environment variables are judged one by one, so only the one with the
unknown value is left out. An unknown value anywhere else leaves the whole resource in doubt, because a rule would read its absence as the
default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policies.watched import WatchedGraph, WatchedList, WatchedMapping
from stacks.graph import Graph
from stacks.graph.marks import has_marks, is_mark

#: Lists whose items are judged one by one.
_APART: Final = frozenset({"containers", "initContainers", "ephemeralContainers", "env"})
#: The name of an object, a container or a volume changes no verdict; (enclosing key, key) of each.
_NAMES: Final = frozenset({("metadata", "name"), ("metadata", "generateName"), ("volumes", "name")}) | {
    (containers, "name") for containers in ("containers", "initContainers", "ephemeralContainers")
}
#: Mappings with user-defined keys: a rule may iterate over them. Annotations are not among them: rules read those by name.
_FREE_KEYS: Final = frozenset(
    {"labels", "matchLabels", "nodeSelector", "data", "binaryData", "requests", "limits", "overhead", "allocatable", "capacity"}
)
#: Kinds that affect other objects: an unknown value in one leaves every breach of a rule over the stack in doubt.
_DECIDE_ABOUT_OTHERS: Final = frozenset({"HorizontalPodAutoscaler", "NetworkPolicy", "Node", "PodDisruptionBudget", "PriorityClass"})

REASON: Final = "a value is not known before the deployment"


@dataclass(frozen=True, slots=True)
class Known:
    """What a rule that uses certain words can know about an object.

    ``doubtful``: it reads an unknown value. ``partly``: it reads one of a container or a variable, which is left out.
    """

    inputs: Mapping[str, Any]
    doubtful: bool = False
    partly: bool = False


def known_to(words: AbstractSet[str], inputs: Mapping[str, Any]) -> Known:
    """Return what a rule whose text contains these words can know about an object."""
    return _Pruning(words).of(inputs) if has_marks(inputs) else Known(inputs)


@dataclass
class _Pruning:
    words: AbstractSet[str]
    doubtful: bool = False
    partly: bool = False

    def of(self, inputs: Mapping[str, Any]) -> Known:
        return Known(self._mapping(inputs, ""), self.doubtful, self.partly)

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, key)
        return self._list(value, key) if isinstance(value, list) else value

    def _mapping(self, value: Mapping[str, Any], within: str) -> dict[str, Any]:
        kept = {}
        for key, item in value.items():
            if not is_mark(item, within, key):
                kept[key] = self._value(item, key)
            elif (within, key) in _NAMES:
                kept[key] = item
            elif key in self.words or (within in _FREE_KEYS and within in self.words):
                self.doubtful = True
        return kept

    def _list(self, value: list[Any], key: str) -> list[Any]:
        kept = []
        for item in value:
            if is_mark(item, key):
                part = _Pruning(self.words, doubtful=key in self.words)
            else:
                part = _Pruning(self.words)
                known = part._value(item, key)
                if key not in _APART or not part.doubtful:
                    kept.append(known)
            self.partly = self.partly or part.partly or (part.doubtful and key in _APART)
            self.doubtful = self.doubtful or (part.doubtful and key not in _APART)
        return kept


@dataclass(frozen=True)
class Settled:
    """A graph without its unknown values, which records when a rule over the stack tries to read one.

    ``doubtful``: URNs of resources of which an unknown value was read since the last :meth:`forget`; ``partly``: URNs of those of which the
    containers or variables were read while one of them is left out.
    """

    graph: Graph
    doubtful: set[str] = field(default_factory=set)
    partly: set[str] = field(default_factory=set)

    def forget(self) -> None:
        """Clear the record, before the next rule."""
        self.doubtful.clear()
        self.partly.clear()

    def is_certain(self, urn: str | None) -> bool:
        """Whether a breach of a stack rule at this resource (None: at the stack) is certain whatever the unknown values are."""
        return urn not in self.doubtful and not any(r.kind in _DECIDE_ABOUT_OTHERS for r in self.graph if r.urn in self.doubtful)


def settle(graph: Graph) -> Settled:
    """Return ``graph`` without its unknown values."""
    settled = Settled(graph.known)
    if settled.graph is graph:
        return settled
    resources = []
    for resource in graph:
        watched = resource
        if has_marks(resource.inputs):
            doubt, partly = (_add(resource.urn, asked) for asked in (settled.doubtful, settled.partly))
            watched = replace(resource, inputs=_watched(resource.inputs, "", doubt, partly)[0])
        resources.append(watched)
    return replace(settled, graph=WatchedGraph(tuple(resources), graph.source, graph.unseen))


def _add(urn: str, asked: set[str]) -> Callable[[], None]:
    return lambda: asked.add(urn)


def _watched(value: Any, within: str, doubt: Callable[[], None], partly: Callable[[], None]) -> tuple[Any, bool]:
    """Return the known part of a value, which reports reads of the unknown part; and whether anything in it is unknown."""
    if isinstance(value, Mapping):
        unknown = {key for key, item in value.items() if is_mark(item, within, key) and (within, key) not in _NAMES}
        parts = {key: _watched(item, key, doubt, partly) for key, item in value.items() if key not in unknown}
        kept = {key: part for key, (part, _) in parts.items()}
        unsure = bool(unknown) or any(unsure for key, (_, unsure) in parts.items() if key not in _APART)
        return (WatchedMapping(kept, unknown, doubt) if unknown else kept), unsure
    if isinstance(value, list):
        apart = within in _APART
        items = [_watched(item, within, doubt, partly) for item in value if not is_mark(item, within)]
        left = [part for part, unsure in items if not (apart and unsure)]
        tells = partly if apart else doubt
        return (left if len(left) == len(value) else WatchedList(left, tells)), len(items) < len(value) or any(
            unsure for _, unsure in items
        )
    return value, False
