"""``sandtable whatif``: the scenarios side by side, and what happened in those with incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.report.answers.page import Section, render
from sandtable.report.charts.forecast import forecast
from sandtable.report.charts.incidents import incidents_picture
from sandtable.report.words.quantities import figure, interval, percent, usd
from sandtable.report.words.sentences import points

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandtable.document.answers.whatif import IncidentTimes, LatencyLevel, Scenario, WhatIf

_METRICS = {
    "p50_ttft_ms": "p50 TTFT, ms",
    "p95_ttft_ms": "p95 TTFT, ms",
    "p95_tpot_ms": "p95 TPOT, ms",
    "p95_e2e_ms": "p95 E2E, ms",
    "output_tokens_per_s": "tokens/s",
    "usd_per_million_output_tokens": "USD/M tokens",
}
_LATENCIES = {"ttft_ms": "time to first token, ms", "tpot_ms": "time per output token, ms", "e2e_ms": "end to end, ms"}


def whatif_page(answer: WhatIf) -> str:
    """Return the page of the document; its first scenario is the baseline."""
    asked = ", ".join(one.name for one in answer.scenarios[1:]) or "the baseline alone"
    return render(f"What if: {answer.environment}", f"{answer.environment}: {asked}", [*_sections(answer)])


def _sections(answer: WhatIf) -> Iterator[Section]:
    rows = [_row(one) for one in answer.scenarios]
    columns = ("scenario", "USD a month", "good", *_METRICS.values())
    notes = [f"{one.name}: {note}" for one in answer.scenarios for note in one.notes]
    lead = "Means over the replications with their 95 % intervals; every scenario has the same requests."
    yield Section("scenarios", "Scenarios", lead, (), columns, rows, notes=notes)
    yield from _distributions(answer.scenarios)
    for number, reason in enumerate(answer.reasons):
        candidates = [(one.node, one.zone, figure(one.total, "count"), one.refusal or points(one.scores)) for one in reason.candidates]
        yield Section(f"why-{number}", f"Why {reason.pod}", reason.words, (), ("node", "zone", "score", ""), candidates)
    for asked in answer.routed:
        routes = [
            (one.replica, str(one.outstanding), figure(one.ttft_ms), figure(one.e2e_ms), "went there" if one.chosen else "")
            for one in asked.routes
        ]
        lead = f"Sent to each replica with all else as it was: {figure(asked.regret_ms)} ms later than from the best."
        columns = ("replica", "requests it had", "TTFT, ms", "E2E, ms", "")
        yield Section(f"request-{asked.number}", f"Why request {asked.number}", lead, (), columns, routes)
    for number, one in enumerate(answer.scenarios):
        if one.incidents:
            yield _incidents(f"incidents-{number}", one, one.incidents)


def _row(one: Scenario) -> tuple[str, ...]:
    cells = [f"{figure(found.mean)} {interval(found.ci95)}" if (found := one.metrics.get(name)) is not None else "—" for name in _METRICS]
    return (one.name, usd(one.cost.monthly_usd), percent(one.availability), *cells)


def _distributions(scenarios: Sequence[Scenario]) -> Iterator[Section]:
    """Yield the predicted latencies of each scenario beside the baseline's; the baseline alone if nothing was asked."""
    baseline = scenarios[0].distributions
    for number, one in enumerate(scenarios):
        if (number == 0 and len(scenarios) > 1) or not any(one.distributions.values()):
            continue
        pictures = [
            forecast(f"forecast-{number}-{latency}", words, one.distributions.get(latency, ()), baseline.get(latency, ()) if number else ())
            for latency, words in _LATENCIES.items()
        ]
        shares = sorted({level.share for levels in one.distributions.values() for level in levels})
        rows = [
            (f"{share * 100:g} % of the requests", *(_level(one.distributions.get(name, ()), share) for name in _LATENCIES))
            for share in shares
        ]
        lead = (
            "Good requests at least this fast: the mean over the replications and, in brackets, where it may lie on another day (90 %). "
            "One without brackets is decided by a provider, whose uncertainty is not known. "
            f"{_causes(one)}"
        )
        yield Section(f"latency-{number}", f"Latencies: {one.name}", lead, pictures, ("", *_LATENCIES.values()), rows)


def _level(levels: Sequence[LatencyLevel], share: float) -> str:
    found = next((level for level in levels if level.share == share), None)
    if found is None:
        return "—"
    return f"{figure(found.mean, 'ms')} {interval(found.band90)}" if found.band90[0] is not None else figure(found.mean, "ms")


def _causes(one: Scenario) -> str:
    """Say what the band of the median end-to-end time is made of."""
    median = next((level for level in one.distributions.get("e2e_ms", ()) if level.share == 0.5 and level.engine is not None), None)
    if median is None:
        return "Under overload there are none."
    parts = (("engine", median.engine), ("calibration", median.calibration), ("arrivals", median.arrivals))
    told = ", ".join(f"{cause} ± {percent(share)}" for cause, share in parts)
    return f"That of the median end to end is made of {told}; the causes add up in squares."


def _incidents(ident: str, scenario: Scenario, times: IncidentTimes) -> Section:
    rows = [(one.name, one.why or "away", f"{figure(one.start_s)} s", f"{figure(one.end_s)} s") for one in times.away]
    lead = "One replication: who was away, and the requests of each slice of time that were not good."
    pictures = (incidents_picture(ident, times),)
    return Section(ident, f"Incidents: {scenario.name}", lead, pictures, ("", "", "from", "to"), rows, broad=True)
