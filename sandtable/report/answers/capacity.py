"""``sandtable capacity``: what holds, the front of configurations, the risk, and what matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.report.answers.page import Section, render
from sandtable.report.charts.curve import Axes, Point, curve
from sandtable.report.charts.front import front
from sandtable.report.words.quantities import count, figure, interval, percent, usd
from sandtable.report.words.searches import simulated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandtable.document.answers.capacity import Capacity, ConfigurationSearch, InputSwing, JudgedThreshold, RiskPoint, SpotConfiguration


def capacity_page(answer: Capacity) -> str:
    """Return the page of the document."""
    if answer.factor:
        least = "at least " if answer.broken_factor is None else ""
        headline = f"Holds {least}{figure(answer.factor)} times the traffic, {figure(answer.holds_per_s)} requests/s"
    else:
        headline = f"Not even {figure(answer.broken_factor)} times the traffic holds"
    return render(f"Capacity of {answer.environment}", headline, [*_sections(answer)])


def _sections(answer: Capacity) -> Iterator[Section]:
    yield _thresholds("holds", f"At {figure(answer.factor)} times the traffic", answer.judged)
    if answer.binding:
        yield _thresholds("breaks", f"At {figure(answer.broken_factor)} times the traffic", answer.binding)
    if answer.search:
        yield _search(answer.search)
        if answer.search.spot:
            yield _spot(answer.search.spot)
    if answer.risks:
        yield _risk(answer.risks, answer.rate_per_s or 0.0)
    if answer.swings:
        yield _swings(answer.swings)


def _thresholds(ident: str, heading: str, judged: Sequence[JudgedThreshold]) -> Section:
    rows = [(one.threshold, figure(one.value), figure(one.worst), percent(one.use), "holds" if one.holds else "broken") for one in judged]
    lead = "A threshold holds only if it holds at the worse end of its 95 % interval."
    return Section(ident, heading, lead, (), ("threshold", "value", "worse end", "limit used", ""), rows)


def _search(search: ConfigurationSearch) -> Section:
    rows = [
        (
            one.scenario,
            usd(one.monthly_usd),
            percent(one.use),
            "holds" if one.holds else "misses",
            "cheapest" if one == search.best else "knee" if one == search.knee else "front" if one in search.front else "",
            "in full" if one.full else "once",
        )
        for one in sorted(search.tried, key=lambda one: (one.monthly_usd or 0.0, one.use or 0.0))
    ]
    lead = (
        f"{simulated(search)}; the others were ruled out, see below. Discs hold, crosses do not. The line is the front: nothing that was "
        "tried is both cheaper and has more room. At the knee more money begins to buy less room."
    )
    columns = ("configuration", "a month", "limit used", "", "", "simulated")
    notes = [f"{count(number, 'configuration')} without a run: {reason}" for reason, number in search.settled.items()]
    return Section("front", "Cheapest configuration", lead, (front(search),), columns, rows, broad=True, notes=notes)


def _spot(options: Sequence[SpotConfiguration]) -> Section:
    rows = [(one.scenario, usd(one.monthly_usd), percent(one.risk), figure(one.needed, "count")) for one in options]
    lead = (
        "All cost less than the cheapest without spot nodes, and hold while enough replicas are there. Nodes of one zone come and go "
        "together, zones do not depend on each other, and each has capacity for the share of the time that `sandtable cost` names."
    )
    return Section("spot", "With spot nodes", lead, (), ("configuration", "a month", "too few are there", "replicas needed"), rows)


def _risk(risks: Sequence[RiskPoint], rate_per_s: float) -> Section:
    by_rate = [_point((one.at or 0.0) * rate_per_s, one) for one in risks if one.by == "rate"]
    by_cost = [_point(one.at or 0.0, one, f"{one.at:g}: {usd(one.monthly_usd)}") for one in risks if one.by == "replicas"]
    missing = "probability of missing a threshold"
    rate_axes = Axes("requests per second", missing, shares=True, now=rate_per_s)
    cost_axes = Axes("engine replicas: USD a month, at the present traffic", missing, shares=True)
    pictures = (curve("risk-rate", "Risk by rate", by_rate, rate_axes), curve("risk-cost", "Risk by cost", by_cost, cost_axes))
    rows = [
        (
            f"{figure(one.at)} times the traffic" if one.by == "rate" else f"{figure(one.at, 'count')} replicas",
            usd(one.monthly_usd),
            percent(one.share),
            interval(one.ci95, "share"),
            str(one.n),
            ", ".join(f"{name}: {count}" for name, count in one.missed.items() if count),
        )
        for one in risks
    ]
    lead = "The share of replications that missed a threshold, with its exact 95 % interval. A replication is one stretch of traffic."
    return Section("risk", "Risk", lead, pictures, ("", "a month", "risk", "95 % interval, %", "n", "missed"), rows)


def _point(at: float, one: RiskPoint, words: str = "") -> Point:
    low, high = one.ci95
    return Point(at, one.share or 0.0, None if low is None or high is None else (low, high), words)


def _swings(swings: Sequence[InputSwing]) -> Section:
    rows = [
        (f"{swing.name}, {moved.words}", percent(moved.use), "holds" if moved.holds else "broken", moved.tightest.threshold)
        for swing in swings
        for moved in swing.moved
    ]
    lead = (
        f"Each input alone, the one that moves the verdict most first; at present {percent(swings[0].base)} of the tightest limit is used."
    )
    return Section("inputs", "What matters", lead, (), ("input", "limit used", "", "tightest"), rows)
