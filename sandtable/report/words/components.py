"""A resource graph divided into components with their kinds, and the dependencies between them.

A resource belongs to its nearest component; without one, to its namespace, the default one where it names none; else to the cluster itself.
Dependencies between parts come from the resources' own; what follows from others is left out, so that a picture shows the fewest lines that
say the same.
Names have passed through ``sandtable.terminal_escapes``, so code that prints or draws a part need not escape them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandtable.report.words.quantities import count
from sandtable.terminal_escapes import seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacks.graph import Graph, Resource

#: Kinds of objects that run pods or are machines; drawn filled.
RUNNING: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Node"})
_NOT_A_PART: Final = ("pulumi:pulumi:Stack", "pulumi:providers:")


@dataclass(frozen=True, slots=True)
class Component:
    """One part: its objects by kind (running kinds first, then by name), and the parts that it needs."""

    name: str
    kinds: tuple[tuple[str, tuple[str, ...]], ...]
    namespaces: tuple[str, ...]
    needs: tuple[str, ...]
    layer: int
    """0 needs nothing; every part is above all that it needs."""

    @property
    def size(self) -> int:
        """Number of objects."""
        return sum(len(names) for _, names in self.kinds)


def counted(graph: Graph) -> str:
    """Return how many resources there are, and how many of them are only components or providers.

    :func:`components` shows the rest, the objects: ``259 resources: 233 objects, 26 components and providers``.
    """
    objects = sum(resource.counts for resource in graph)
    whole = count(len(graph), "resource")
    if objects == len(graph):
        return whole
    return f"{whole}: {count(objects, 'object')}, {len(graph) - objects} components and providers"


def components(graph: Graph) -> list[Component]:
    """Return the parts, the topmost layer first, then by name."""
    owner = _owners(graph)
    members: dict[str, list[Resource]] = defaultdict(list)
    needs: dict[str, set[str]] = defaultdict(set)
    for resource in graph:
        name = owner.get(resource.urn)
        if name is None:
            continue
        if resource.counts:
            members[name].append(resource)
        needs[name] |= {owner[urn] for urn in resource.depends_on if owner.get(urn, name) != name}
    shown = {name: {needed for needed in needs[name] if needed in members} for name in sorted(members)}
    acyclic = _without_cycles(shown)
    heights = layers(acyclic)
    fewest = _reduced(acyclic)
    parts = [
        Component(
            name=name,
            kinds=_by_kind(members[name]),
            namespaces=tuple(sorted({seen(resource.namespace) for resource in members[name] if resource.namespace})),
            needs=tuple(sorted(fewest[name])),
            layer=heights[name],
        )
        for name in shown
    ]
    return sorted(parts, key=lambda part: (-part.layer, part.name))


def _owners(graph: Graph) -> dict[str, str]:
    """Return the name of the part that each resource belongs to."""
    by_urn = {resource.urn: resource for resource in graph}
    names: dict[str, str] = {}
    for resource in graph:
        if resource.type.startswith(_NOT_A_PART):
            continue
        part = resource if not resource.counts else _nearest_component(resource, by_urn)
        if part is not None:
            names[resource.urn] = seen(part.name)
        else:
            names[resource.urn] = seen(_place(resource))
    return names


def _place(resource: Resource) -> str:
    """Return where a resource without a component lies: without a namespace that is the context's, unless its kind has none."""
    if resource.namespace:
        return f"namespace {resource.namespace}"
    if not resource.is_object:
        return "no namespace"
    # Whether a custom resource has a namespace only its definition says.
    known = resource.standard
    return "no namespace" if known is None else "namespace default" if known.namespaced else "cluster-wide"


def _nearest_component(resource: Resource, by_urn: Mapping[str, Resource]) -> Resource | None:
    seen = {resource.urn}
    parent = by_urn.get(resource.parent or "")
    while parent is not None and parent.urn not in seen and not parent.type.startswith(_NOT_A_PART):
        if not parent.counts:
            return parent
        seen.add(parent.urn)
        parent = by_urn.get(parent.parent or "")
    return None


def _by_kind(resources: list[Resource]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    names: dict[str, list[str]] = defaultdict(list)
    for resource in resources:
        names[seen(resource.kind or resource.type.rsplit(":", 1)[-1])].append(seen(resource.label))
    return tuple((kind, tuple(sorted(names[kind]))) for kind in sorted(names, key=lambda kind: (kind not in RUNNING, kind)))


def _without_cycles(needs: dict[str, set[str]]) -> dict[str, set[str]]:
    """Drop the edges that close a cycle, visiting parts by name, so that the result does not depend on the input's order."""
    kept: dict[str, set[str]] = {name: set() for name in needs}
    state: dict[str, int] = {}

    def walk(name: str) -> None:
        state[name] = 1
        for needed in sorted(needs[name]):
            if state.get(needed) == 1:
                continue
            kept[name].add(needed)
            if needed not in state:
                walk(needed)
        state[name] = 2

    for name in needs:
        if name not in state:
            walk(name)
    return kept


def layers(needs: dict[str, set[str]]) -> dict[str, int]:
    """Return for each part the longest path down to one that needs nothing; ``needs`` has no cycle."""
    found: dict[str, int] = {}

    def layer(name: str) -> int:
        if name not in found:
            found[name] = 1 + max((layer(needed) for needed in needs[name]), default=-1)
        return found[name]

    for name in needs:
        layer(name)
    return found


def _reduced(needs: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the transitive reduction."""
    reach: dict[str, set[str]] = {}

    def reached(name: str) -> set[str]:
        if name not in reach:
            reach[name] = set(needs[name]).union(*(reached(needed) for needed in needs[name]))
        return reach[name]

    return {
        name: {one for one in direct if not any(one in reached(other) for other in direct if other != one)}
        for name, direct in needs.items()
    }
