"""Which nodes spread constraints and pod affinity leave to a pod, given where the other pods are.

Rule 1: only hard constraints count: ``topologySpreadConstraints`` with ``DoNotSchedule`` and ``requiredDuringScheduling…`` (anti-)affinity.
An anti-affinity binds both sides: a running pod also keeps an incoming one away (kube-scheduler, plugins PodTopologySpread and
InterPodAffinity).
Rule 2: the pods of a workload are identical, so pods are counted per workload and a selector is evaluated once per workload.
Rule 3: domains of a spread constraint are those of the nodes that the pod's selector and affinity allow; taints are ignored unless
``nodeTaintsPolicy`` honours them, so a domain of tainted nodes counts, and stays empty.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stacks.graph import labels
from stacks.graph.capacity import Amounts
from stacks.graph.relations.selectors import selects
from stacks.graph.scheduling import selected_by_affinity, tolerates_all, unmet_selector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stacks.graph.capacity import Node
    from stacks.graph.demand import Workload

_HOST: Final = "kubernetes.io/hostname"
#: Labels that a controller adds to the pods of one revision.
_REVISION: Final = frozenset({"pod-template-hash", "controller-revision-hash"})
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(eq=False)
class Spot:
    """A node during placement: its free capacity and its pods."""

    node: Node
    room: Amounts
    pods: dict[str, Workload] = field(default_factory=dict)
    scored: Amounts = field(default_factory=Amounts)
    """What its pods count for when nodes are compared (``Workload.scored_requests``)."""
    _counts: Counter[int] = field(default_factory=Counter)

    def take(self, pod: str, workload: Workload) -> None:
        """Place a pod on the node."""
        self.room -= workload.requests
        self.scored += workload.scored_requests
        self.pods[pod] = workload
        self._counts[id(workload)] += 1

    def release(self, pod: str) -> None:
        """Remove a pod from the node."""
        workload = self.pods.pop(pod)
        self.room += workload.requests
        self.scored -= workload.scored_requests
        self._counts[id(workload)] -= 1

    def has_room(self, workload: Workload) -> bool:
        """Whether one more pod of ``workload`` fits."""
        return len(self.pods) < self.node.most_pods and workload.requests.fits(self.room)

    def count_of(self, selected: Iterable[int]) -> int:
        """Return the number of pods of the selected workloads on the node."""
        return sum(self._counts[key] for key in selected)


@dataclass(frozen=True)
class _Term:
    """An affinity or anti-affinity: the pods of ``selected`` workloads in the same domain of ``key``."""

    key: str
    selected: frozenset[int]


@dataclass(frozen=True)
class Spread:
    """A spread constraint; ``selected`` are workloads by their ``id``."""

    key: str
    selected: frozenset[int]
    selects_itself: bool
    most_skew: int
    least_domains: int
    honours_affinity: bool
    honours_taints: bool


@dataclass(frozen=True)
class _Rules:
    spreads: tuple[Spread, ...] = ()
    apart: tuple[_Term, ...] = ()
    together: tuple[_Term, ...] = ()


class Topology:
    """The spread constraints and affinities among the pods of ``workloads``."""

    def __init__(self, workloads: Sequence[Workload]) -> None:
        self._rules = {id(w): _Rules(*(tuple(part) for part in _read(w, workloads))) for w in workloads}
        self._shunned = {id(w): tuple(self._shunning(id(w))) for w in workloads}

    def _shunning(self, workload: int) -> Iterator[_Term]:
        """Anti-affinities of other workloads that select ``workload``, each with the pods that declare it."""
        for other, rules in self._rules.items():
            yield from (_Term(term.key, frozenset({other})) for term in rules.apart if workload in term.selected)

    def allowed(self, workload: Workload, spots: Sequence[Spot], admitting: Sequence[Spot]) -> list[Spot]:
        """Return those of the ``admitting`` spots on which one more pod of ``workload`` keeps every rule."""
        rules = self._rules[id(workload)]
        found = list(admitting)
        for term in (*rules.apart, *self._shunned[id(workload)]):
            taken = {domain_of(spot.node, term.key) for spot in spots if spot.count_of(term.selected)} - {None}
            found = [spot for spot in found if domain_of(spot.node, term.key) not in taken]
        if rules.together:
            found = _with_company(workload, rules.together, spots, found)
        return _evenly(workload, rules.spreads, spots, found)


def _with_company(workload: Workload, terms: Sequence[_Term], spots: Sequence[Spot], found: Sequence[Spot]) -> list[Spot]:
    homes = [{domain_of(spot.node, term.key) for spot in spots if spot.count_of(term.selected)} - {None} for term in terms]
    if not any(homes) and all(id(workload) in term.selected for term in terms):
        # The first pod of a group with affinity to itself may go anywhere.
        return [spot for spot in found if all(domain_of(spot.node, term.key) is not None for term in terms)]
    return [spot for spot in found if all(domain_of(spot.node, term.key) in home for term, home in zip(terms, homes, strict=True))]


def _evenly(workload: Workload, spreads: Sequence[Spread], spots: Sequence[Spot], found: Sequence[Spot]) -> list[Spot]:
    kept = list(found)
    keyed = [spot for spot in spots if all(domain_of(spot.node, spread.key) is not None for spread in spreads)] if spreads else []
    for spread in spreads:
        counts: Counter[str | None] = Counter()
        for spot in keyed:
            if counts_for(workload, spot.node, spread):
                counts[domain_of(spot.node, spread.key)] += spot.count_of(spread.selected)
        least = min(counts.values(), default=0) if len(counts) >= spread.least_domains else 0
        room = spread.most_skew + least - spread.selects_itself
        kept = [spot for spot in kept if (domain := domain_of(spot.node, spread.key)) is not None and counts.get(domain, 0) <= room]
    return kept


def counts_for(workload: Workload, node: Node, spread: Spread) -> bool:
    """Whether the pods on ``node`` count for a spread constraint of ``workload``."""
    spec = workload.resource.pod_spec
    if spread.honours_affinity and (unmet_selector(spec, node.labels) or not selected_by_affinity(spec, node)):
        return False
    return not spread.honours_taints or tolerates_all(spec, node)


def _read(workload: Workload, workloads: Sequence[Workload]) -> Iterator[Iterator[Any]]:
    spec = workload.resource.pod_spec
    affinity = spec.get("affinity") or {}
    yield spreads(workload, workloads, "DoNotSchedule")
    for name in ("podAntiAffinity", "podAffinity"):
        terms = (affinity.get(name) or {}).get(_REQUIRED) or ()
        yield (_Term(str(term.get("topologyKey")), selected_workloads(term, workload, workloads)) for term in terms)


def spreads(workload: Workload, workloads: Sequence[Workload], unsatisfiable: str) -> Iterator[Spread]:
    """The spread constraints of ``workload`` that say ``unsatisfiable``: ``DoNotSchedule`` or ``ScheduleAnyway``."""
    for constraint in workload.resource.pod_spec.get("topologySpreadConstraints") or ():
        if constraint.get("whenUnsatisfiable", "DoNotSchedule") == unsatisfiable:
            yield _spread(constraint, workload, workloads)


def _spread(constraint: Mapping[str, Any], workload: Workload, workloads: Sequence[Workload]) -> Spread:
    selected = selected_workloads(constraint, workload, workloads)
    return Spread(
        key=str(constraint.get("topologyKey")),
        selected=selected,
        selects_itself=id(workload) in selected,
        most_skew=int(constraint.get("maxSkew", 1)),
        least_domains=int(constraint.get("minDomains", 1)),
        honours_affinity=constraint.get("nodeAffinityPolicy", "Honor") == "Honor",
        honours_taints=constraint.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def selected_workloads(term: Mapping[str, Any], workload: Workload, workloads: Sequence[Workload]) -> frozenset[int]:
    """Return the workloads, by their ``id``, whose pods a term or constraint of ``workload`` selects."""
    selector, own = term.get("labelSelector"), workload.resource.pod_labels
    if selector is None:
        return frozenset()
    alike, unlike = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    return frozenset(
        id(other)
        for other in workloads
        if _in_namespaces(term, workload, other)
        and selects(selector, other.resource.pod_labels)
        and (other is workload or _REVISION.isdisjoint(alike))
        and all(other.resource.pod_labels.get(key) == own[key] for key in alike if key in own)
        and not any(other.resource.pod_labels.get(key) == own[key] for key in unlike if key in own)
    )


def _in_namespaces(term: Mapping[str, Any], workload: Workload, other: Workload) -> bool:
    """Return the term's namespaces; a term without any, such as every spread constraint, means the workload's own."""
    named, selector = term.get("namespaces") or (), term.get("namespaceSelector")
    if not named and selector is None:
        return other.namespace == workload.namespace
    return other.namespace in named or selects(selector, other.namespace_labels)


def domain_of(node: Node, key: str) -> str | None:
    """Return the node's value of a topology key, None if it has none. The kubelet sets the host name label to the node's name."""
    if key == _HOST:
        return node.labels.get(key, node.name)
    return (node.zone or None) if key == labels.ZONE else node.labels.get(key)
