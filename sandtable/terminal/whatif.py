"""What-if answers side by side: the baseline, then for each scenario its value and the paired difference with its 95 % interval.

Rule 1: ``=`` means that the interval of the difference contains zero: the scenario cannot be distinguished from the baseline, which
does not mean that they are equal.
Rule 2: a cost without the nodes that have no price is "at least", and its difference from another is not shown.
Rule 3: a loss of good requests comes first in the sentence, because every other improvement only holds for the requests that are left.
As many scenarios as fit are shown side by side; more go into further tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words.quantities import ABSENT, count, figure, interval, percent, usd
from sandtable.report.words.sentences import amount, monthly
from sandtable.terminal.parts import bullet, grid, heading
from sandtable.terminal.placements import show_reasons, show_routes
from sandtable.terminal.scenario_pairs import show_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from sandtable.document.answers.whatif import Scenario, ScenarioKinds, WhatIf
    from sandtable.document.parts.cost import Cost

#: The label and unit of each metric, in the order of the table.
_METRICS: Final = {
    "p50_ttft_ms": "p50 TTFT, ms",
    "p95_ttft_ms": "p95 TTFT, ms",
    "p95_tpot_ms": "p95 TPOT, ms",
    "p95_e2e_ms": "p95 E2E, ms",
    "output_tokens_per_s": "tokens/s",
    "good_share": "good, %",
    "replicas_running": "replicas, mean",
}
_VERDICTS: Final = {
    "better": ("better", "good"),
    "worse": ("worse", "bad"),
    "not distinguishable": ("=", "quiet"),
    "undefined": ("?", "unsure"),
}
_FIRST_COLUMNS, _COLUMN = 28, 25
#: How many unscheduled pods are named individually, for each reason.
_NAMED: Final = 3
#: How many turns of the number of replicas are shown.
_TURNS: Final = 4


def show_whatif(answer: WhatIf, console: Console) -> None:
    """Print the document of ``sandtable whatif``; its first scenario is the baseline."""
    baseline, *others = answer.scenarios
    heading(console, "what if", f"{count(baseline.replications, 'replication')} of the baseline; difference [95 % interval], paired")
    fit = max(1, (console.width - _FIRST_COLUMNS) // _COLUMN)
    for start in range(0, max(len(others), 1), fit):
        _table(baseline, others[start : start + fit], console)
        console.print()
    for scenario in (baseline, *others):
        for text in _remarks(scenario):
            bullet(console, f"{scenario.name}: {text}", "!", "unsure")
    for scenario in others:
        console.print(Text.assemble((f"{scenario.name}: ", "bold"), _sentence(baseline, scenario)))
    if answer.pairs:
        show_pairs(answer.pairs, console)
    show_reasons(answer.reasons, console)
    show_routes(answer.routed, console)


def show_scenarios(kinds: ScenarioKinds, console: Console) -> None:
    """Print every kind of scenario with its form and a one-line description."""
    table = grid("l", "l")
    for kind in kinds.scenarios:
        table.add_row(Text(kind.example, "bold"), Text(kind.meaning))
    console.print(table)
    console.print(Text("Combine scenarios with +: traffic=2x+spot=0.7", "quiet"))


def _table(baseline: Scenario, others: list[Scenario], console: Console) -> None:
    table = grid("L", "R", *"l" * len(others))
    table.add_row(*(Text(words, "quiet") for words in ("", baseline.name)), *(Text(scenario.name, "bold") for scenario in others))
    for metric, words in _METRICS.items():
        if metric in baseline.metrics:
            cells = [_cell(baseline, scenario, metric) for scenario in others]
            table.add_row(Text(words), Text(_figure(baseline, metric)), *cells)
    for words, shares in (
        ("replicas busy, %", [scenario.outcome.utilisation for scenario in (baseline, *others)]),
        ("GPUs busy, %", [scenario.gpu_utilisation for scenario in (baseline, *others)]),
    ):
        if shares[0] is not None:
            table.add_row(Text(words), *(Text(figure(share, "share")) for share in shares))
    if any(scenario.scaled and len(scenario.scaled.timeline) > 1 for scenario in (baseline, *others)):
        table.add_row(Text("replicas, steps"), *(Text(_replicas(scenario)) for scenario in (baseline, *others)))
        table.add_row(Text("new nodes, USD/h"), *(Text(_added(scenario)) for scenario in (baseline, *others)))
    table.add_row(Text("USD a month"), Text(monthly(baseline.cost)), *(_money(baseline.cost, scenario.cost) for scenario in others))
    if baseline.usd_per_million_output_tokens is not None:
        prices = [amount(scenario.cost, scenario.usd_per_million_output_tokens) for scenario in (baseline, *others)]
        table.add_row(Text("USD/M tokens"), *map(Text, prices))
    console.print(table)


def _replicas(scenario: Scenario) -> str:
    """Return ``3 → 6 → 3``: the numbers of ready replicas in the first replication; only the turns, if there are many."""
    if scenario.scaled is None:
        return ABSENT
    levels = [number for _, number in scenario.scaled.timeline]
    turns = [
        number
        for index, number in enumerate(levels)
        if index in {0, len(levels) - 1} or (number - levels[index - 1]) * (levels[index + 1] - number) < 0
    ]
    shown = [str(number) for number in (turns if len(turns) <= _TURNS else [levels[0], max(levels), levels[-1]])]
    return " → ".join(shown)


def _added(scenario: Scenario) -> str:
    if scenario.scaled is None:
        return ABSENT
    if not scenario.scaled.added_nodes:
        return "none"
    return usd(scenario.scaled.usd_per_hour)


def _figure(scenario: Scenario, metric: str) -> str:
    return figure(scenario.metrics[metric].mean, "share" if metric == "good_share" else "")


def _cell(baseline: Scenario, scenario: Scenario, metric: str) -> Text:
    found = scenario.metrics.get(metric)
    if found is None:
        return Text(ABSENT)
    mark, style = _VERDICTS.get(found.verdict or "", ("", ""))
    cell = Text.assemble(_figure(scenario, metric), " ", (mark, style))
    if told := _difference(baseline, scenario, metric):
        cell.append(f"\n{told}", "quiet")
    return cell


def _difference(baseline: Scenario, scenario: Scenario, metric: str) -> str:
    """Return ``+38 % [+35, +41]``: relative to the baseline, in percentage points for a share; empty if there is no known difference."""
    base, difference = baseline.metrics[metric].mean, scenario.metrics[metric].difference
    if difference is None or difference.mean is None or not any((difference.mean, *difference.ci95)):
        return ""
    if metric == "good_share":
        scale, unit = 100.0, " pt"
    elif base:
        scale, unit = 100.0 / base, " %"
    else:
        scale, unit = 1.0, ""
    mean, low, high = (_signed(value, scale) for value in (difference.mean, *difference.ci95))
    return f"{mean}{unit} [{low}, {high}]"


def _signed(value: float | None, scale: float) -> str:
    """Return a difference with its sign; ``?`` for an unbounded end."""
    if value is None:
        return "?"
    # The difference is over the pairs with a value on both sides, so it can exceed the mean over all replications.
    scaled = max(value * scale, -100.0)
    return f"{scaled:+,.0f}" if abs(scaled) >= 10 else f"{scaled:+.1f}"


def _money(before: Cost, after: Cost) -> Text:
    text = Text(monthly(after))
    difference = _change(before, after)
    if difference == 0:
        text.append(" same", "quiet")
    elif difference is not None:
        share = f" {percent(difference / before.monthly_usd, signed=True)}" if before.monthly_usd else ""
        text.append(f"\n{_with_sign(difference)}{share}, exact", "quiet")
    return text


def _change(before: Cost, after: Cost) -> float | None:
    """Return the difference in USD a month; None if either side has nodes without a price."""
    if before.monthly_usd is None or after.monthly_usd is None or before.unpriced or after.unpriced:
        return None
    return after.monthly_usd - before.monthly_usd


def _with_sign(amount_usd: float) -> str:
    return usd(amount_usd) if amount_usd < 0 else f"+{usd(amount_usd)}"


def _remarks(scenario: Scenario) -> list[str]:
    remarks = _without_node(scenario.unschedulable)
    remarks += [f"no price known: {name}" for name in scenario.cost.unpriced]
    if scenario.stopped == "cap":
        remarks.append(f"stopped at {count(scenario.replications, 'replication')} before every headline metric was known to within 5 %")
    return [*remarks, *scenario.notes]


def _without_node(unschedulable: Mapping[str, str]) -> list[str]:
    """List pods without a node individually, or summarised in a line if many have the same reason."""
    by_reason: dict[str, list[str]] = {}
    for pod, reason in sorted(unschedulable.items()):
        by_reason.setdefault(reason, []).append(pod)
    remarks: list[str] = []
    for reason, pods in by_reason.items():
        if len(pods) <= _NAMED:
            remarks += [f"{pod} has no node: {reason}" for pod in pods]
        else:
            remarks.append(f"{pods[0]}, {pods[1]} and {len(pods) - 2:,} more pods have no node: {reason}")
    return remarks


def _sentence(baseline: Scenario, scenario: Scenario) -> str:
    said = []
    for metric, words in (("p95_ttft_ms", "p95 TTFT"), ("output_tokens_per_s", "tokens/s")):
        found = scenario.metrics.get(metric)
        if found is None or found.mean is None or metric not in baseline.metrics:
            continue
        told = "" if found.verdict == "not distinguishable" else _difference(baseline, scenario, metric)
        said.append(f"{words} {told or 'not distinguishable'}{' for those' if told and found.verdict == 'undefined' else ''}")
    said += _cost(baseline.cost, scenario.cost)
    good = scenario.metrics.get("good_share")
    if good and good.mean is not None:
        exact = good.ci95 == (good.mean, good.mean)
        share, around = percent(good.mean), "" if exact else f" {interval(good.ci95, 'share')}"
        lost = good.verdict == "worse"
        said = [f"good requests down to {share}{around}", *said] if lost else [*said, f"{share} of requests good{around}"]
    return ", ".join(said) + "."


def _cost(before: Cost, after: Cost) -> list[str]:
    difference = _change(before, after)
    if difference is not None:
        return [f"cost {_with_sign(difference)} a month" if difference else "cost the same"]
    if before.unpriced or after.unpriced:
        known = monthly(after)
        return ["cost not known" if known == ABSENT else f"cost {known} a month, its difference not known"]
    return []
