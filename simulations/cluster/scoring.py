"""Which of the nodes that a pod fits on kube-scheduler likes best: the default score plugins with their weights.

Rule 1: scores are whole numbers from 0 to 100 and are cut as the scheduler cuts them, so that a tie here is a tie there. Among equals the
scheduler draws; we take the first by name.
Rule 2: pods are counted per workload, as in ``topology.py``.

kubernetes 1.36, pkg/scheduler/framework/plugins and pkg/scheduler/apis/config/v1/default_plugins.go: TaintToleration with weight 3;
NodeAffinity, PodTopologySpread and InterPodAffinity with 2; NodeResourcesFit (least allocated) and NodeResourcesBalancedAllocation with 1.

Not modelled: ImageLocality (no image is known to be on a node), clusters of 100 nodes and more, of which the scheduler looks at a share
only, and spreading by a Service that selects more than the pod's own workload.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from simulations.cluster.topology import Spread, counts_for, domain_of, selected_workloads, spreads
from stacks.graph import labels
from stacks.graph.capacity import GIB
from stacks.graph.relations.selectors import selects_node
from stacks.graph.scheduling import tolerates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from simulations.cluster.topology import Spot
    from stacks.graph.capacity import Amounts
    from stacks.graph.demand import Workload

_MOST: Final = 100
_HOST: Final = "kubernetes.io/hostname"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
#: What a running pod's required affinity counts for the pods that it selects (``HardPodAffinityWeight``).
_OF_REQUIRED: Final = 1
#: The maximum skew of the constraints that every pod of a controller has which states none (``systemDefaultConstraints``).
_DEFAULT_SKEWS: Final = ((_HOST, 3), (labels.ZONE, 5))


@dataclass(frozen=True)
class _Term:
    """A pod affinity: negative ``weight`` is an anti-affinity. A required one is a filter, and a wish only of the pods that it selects."""

    key: str
    selected: frozenset[int]
    weight: int
    is_preferred: bool


@dataclass(frozen=True)
class _Pull:
    """``weight`` for each pod of ``workload`` in the same domain of ``key``; negative: it pushes away."""

    key: str
    workload: int
    weight: int


@dataclass(frozen=True)
class _Wishes:
    spreads: tuple[Spread, ...]
    spreads_by_default: bool
    pulls: tuple[_Pull, ...]


class Scoring:
    """The preferences of ``workloads`` among nodes."""

    def __init__(self, workloads: Sequence[Workload]) -> None:
        terms = {id(w): tuple(_terms(w, workloads)) for w in workloads}
        self._wishes = {id(w): _wishes(w, workloads, terms) for w in workloads}

    def best(self, workload: Workload, spots: Sequence[Spot], fitting: Sequence[Spot]) -> list[Spot]:
        """Return those of the ``fitting`` nodes with the highest score for one more pod of ``workload``; ``spots`` are all nodes."""
        if len(fitting) < 2:
            return list(fitting)
        totals = [sum(scores.values()) for scores in self.scores(workload, spots, fitting)]
        highest = max(totals)
        return [spot for spot, total in zip(fitting, totals, strict=True) if total == highest]

    def scores(self, workload: Workload, spots: Sequence[Spot], fitting: Sequence[Spot]) -> list[dict[str, int]]:
        """Return the weighted score of each plugin for each of the ``fitting`` nodes; ``spots`` are all nodes."""
        wishes = self._wishes[id(workload)]
        columns = {
            "TaintToleration": (3, _of_taints(workload, fitting)),
            "NodeAffinity": (2, _of_node_affinity(workload, fitting)),
            "PodTopologySpread": (2, _of_spreading(workload, wishes, spots, fitting)),
            "InterPodAffinity": (2, _of_pod_affinity(wishes.pulls, spots, fitting)),
            "NodeResourcesFit": (1, [_least_allocated(workload, spot) for spot in fitting]),
            "NodeResourcesBalancedAllocation": (1, [_balanced(workload, spot) for spot in fitting]),
        }
        return [{name: weight * scores[index] for name, (weight, scores) in columns.items()} for index in range(len(fitting))]


def _of_taints(workload: Workload, fitting: Sequence[Spot]) -> list[int]:
    tolerations = workload.resource.pod_spec.get("tolerations") or ()
    counts = [
        sum(taint.get("effect") == "PreferNoSchedule" and not tolerates(tolerations, taint) for taint in spot.node.taints)
        for spot in fitting
    ]
    return [_MOST - score for score in _to_highest(counts)]


def _of_node_affinity(workload: Workload, fitting: Sequence[Spot]) -> list[int]:
    terms = ((workload.resource.pod_spec.get("affinity") or {}).get("nodeAffinity") or {}).get(_PREFERRED) or ()
    return _to_highest(
        [
            sum(int(term["weight"]) for term in terms if selects_node([term.get("preference") or {}], spot.node.labels, spot.node.name))
            for spot in fitting
        ]
    )


def _to_highest(counts: Sequence[int]) -> list[int]:
    """Stretch to 0 … 100 (``DefaultNormalizeScore``)."""
    highest = max(counts)
    return [_MOST * count // highest for count in counts] if highest else list(counts)


def _of_spreading(workload: Workload, wishes: _Wishes, spots: Sequence[Spot], fitting: Sequence[Spot]) -> list[int]:
    if not wishes.spreads:
        return [0] * len(fitting)
    # A node without one of the keys of a stated constraint takes no part; the default ones are content with those that it has.
    keyed = [
        wishes.spreads_by_default or all(domain_of(spot.node, spread.key) is not None for spread in wishes.spreads) for spot in fitting
    ]
    sums = [0.0] * len(fitting)
    for spread in wishes.spreads:
        domains = [domain_of(spot.node, spread.key) for spot in fitting]
        held = {value for value, counts in zip(domains, keyed, strict=True) if counts}
        size = sum(keyed) if spread.key == _HOST else len(held)
        pods = _pods_by_domain(workload, spread, spots, wishes)
        for index, (spot, value) in enumerate(zip(fitting, domains, strict=True)):
            if value is not None:
                count = spot.count_of(spread.selected) if spread.key == _HOST else pods[value]
                sums[index] += count * math.log(size + 2) + spread.most_skew - 1
    scores = [math.floor(total + 0.5) for total in sums]
    compared = [score for score, counts in zip(scores, keyed, strict=True) if counts]
    low, high = min(compared, default=0), max(compared, default=0)
    return [
        0 if not counts else _MOST if high == 0 else _MOST * (high + low - score) // high
        for score, counts in zip(scores, keyed, strict=True)
    ]


def _pods_by_domain(workload: Workload, spread: Spread, spots: Sequence[Spot], wishes: _Wishes) -> Counter[str | None]:
    counts: Counter[str | None] = Counter()
    if spread.key == _HOST:
        return counts
    for spot in spots:
        has_keys = wishes.spreads_by_default or all(domain_of(spot.node, other.key) is not None for other in wishes.spreads)
        if has_keys and (pods := spot.count_of(spread.selected)) and counts_for(workload, spot.node, spread):
            counts[domain_of(spot.node, spread.key)] += pods
    return counts


def _of_pod_affinity(pulls: Sequence[_Pull], spots: Sequence[Spot], fitting: Sequence[Spot]) -> list[int]:
    weights: Counter[tuple[str, str]] = Counter()
    for pull in pulls:
        for spot in spots:
            value = domain_of(spot.node, pull.key)
            if value is not None and (pods := spot.count_of((pull.workload,))):
                weights[pull.key, value] += pull.weight * pods
    keys = {key for key, _ in weights}
    scores = [sum(weights[key, value] for key in keys if (value := domain_of(spot.node, key)) is not None) for spot in fitting]
    low, high = min(scores), max(scores)
    return [int(_MOST * ((score - low) / (high - low))) if high > low else 0 for score in scores]


def _least_allocated(workload: Workload, spot: Spot) -> int:
    asked = spot.scored + workload.scored_requests
    there = spot.node.capacity
    if there is None:
        return _MOST
    shares = [
        (total - wanted) * _MOST // total if wanted <= total else 0
        for wanted, total in zip(_whole(asked), _whole(there), strict=True)
        if total
    ]
    return sum(shares) // len(shares) if shares else 0


def _balanced(workload: Workload, spot: Spot) -> int:
    there = spot.node.capacity
    if there is None or not (workload.requests.cpu or workload.requests.memory_gib):
        return 0
    before = there - spot.room
    after = _evenness(before + workload.requests, there)
    return _MOST // 2 + (_MOST // 2 + after - _evenness(before, there)) // 2


def _evenness(taken: Amounts, there: Amounts) -> int:
    shares = [min(used / total, 1.0) for used, total in zip(_whole(taken), _whole(there), strict=True) if total]
    return int((1 - (abs(shares[0] - shares[1]) / 2 if len(shares) > 1 else 0.0)) * _MOST)


def _whole(amounts: Amounts) -> tuple[int, int]:
    """CPU in thousandths and memory in bytes, the units in which the scheduler counts."""
    return round(amounts.cpu * 1000), round(amounts.memory_gib * GIB)


def _wishes(workload: Workload, workloads: Sequence[Workload], terms: Mapping[int, tuple[_Term, ...]]) -> _Wishes:
    stated = bool(workload.resource.pod_spec.get("topologySpreadConstraints"))
    wanted = tuple(spreads(workload, workloads, "ScheduleAnyway")) if stated else tuple(_default_spreads(workload))
    own = (_Pull(term.key, other, term.weight) for term in terms[id(workload)] if term.is_preferred for other in term.selected)
    of_others = (_Pull(term.key, other, term.weight) for other, found in terms.items() for term in found if id(workload) in term.selected)
    return _Wishes(wanted, not stated, (*own, *of_others))


def _terms(workload: Workload, workloads: Sequence[Workload]) -> Iterator[_Term]:
    affinity: Mapping[str, Any] = workload.resource.pod_spec.get("affinity") or {}
    for name, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
        for term in (affinity.get(name) or {}).get(_PREFERRED) or ():
            wanted = term.get("podAffinityTerm") or {}
            weight = sign * int(term.get("weight", 0))
            yield _Term(str(wanted.get("topologyKey")), selected_workloads(wanted, workload, workloads), weight, is_preferred=True)
    for term in (affinity.get("podAffinity") or {}).get(_REQUIRED) or ():
        yield _Term(str(term.get("topologyKey")), selected_workloads(term, workload, workloads), _OF_REQUIRED, is_preferred=False)


def _default_spreads(workload: Workload) -> Iterator[Spread]:
    if workload.resource.kind != "Pod":  # a bare Pod has no controller whose selector would count
        for key, most_skew in _DEFAULT_SKEWS:
            yield Spread(
                key=key,
                selected=frozenset({id(workload)}),
                selects_itself=True,
                most_skew=most_skew,
                least_domains=1,
                honours_affinity=True,
                honours_taints=False,
            )
