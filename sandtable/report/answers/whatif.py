"""``sandtable whatif``: the scenarios side by side, and what happened in those with incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.report.answers.page import Section, render
from sandtable.report.charts.incidents import incidents_picture
from sandtable.report.words.quantities import figure, interval, percent, usd
from sandtable.report.words.sentences import points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandtable.document.answers.whatif import IncidentTimes, Scenario, WhatIf

_METRICS = {
    "p50_ttft_ms": "p50 TTFT, ms",
    "p95_ttft_ms": "p95 TTFT, ms",
    "p95_tpot_ms": "p95 TPOT, ms",
    "p95_e2e_ms": "p95 E2E, ms",
    "output_tokens_per_s": "tokens/s",
    "usd_per_million_output_tokens": "USD/M tokens",
}


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


def _incidents(ident: str, scenario: Scenario, times: IncidentTimes) -> Section:
    rows = [(one.name, one.why or "away", f"{figure(one.start_s)} s", f"{figure(one.end_s)} s") for one in times.away]
    lead = "One replication: who was away, and the requests of each slice of time that were not good."
    pictures = (incidents_picture(ident, times),)
    return Section(ident, f"Incidents: {scenario.name}", lead, pictures, ("", "", "from", "to"), rows, broad=True)
