"""What-if answers side by side: the baseline, then for each scenario its value and the paired difference with its 95 % interval.

``=`` stands where the interval of the difference contains zero: the scenario cannot be told from the baseline, which is not "equal".
As many scenarios as fit stand side by side; more of them make further tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from sandtable.report.quantities import ABSENT, count, figure, interval, percent, usd
from sandtable.report.run import parse_scenarios
from sandtable.terminal.parts import bullet, grid, heading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from sandtable.report.documents import Scenario

#: Metric: words and unit, in the order of the table.
_METRICS: Final = {
    "p50_ttft_ms": ("p50 TTFT", "ms"),
    "p95_ttft_ms": ("p95 TTFT", "ms"),
    "p95_tpot_ms": ("p95 TPOT", "ms"),
    "p95_e2e_ms": ("p95 E2E", "ms"),
    "output_tokens_per_s": ("output", "tokens/s"),
    "good_share": ("good requests", "%"),
    "replicas_running": ("replicas", "mean"),
}
_VERDICTS: Final = {
    "better": ("better", "good"),
    "worse": ("worse", "bad"),
    "not distinguishable": ("=", "quiet"),
    "undefined": ("?", "unsure"),
}
_FIRST_COLUMNS, _COLUMN = 38, 27


def show_whatif(document: dict[str, Any], console: Console) -> None:
    """Print the document of ``sandtable whatif``; its first scenario is the baseline.

    Raises:
        RunUnreadableError: the document is none.
    """
    baseline, *others = parse_scenarios(document.get("scenarios"))
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


def show_scenarios(kinds: Mapping[str, Any], console: Console) -> None:
    """Print every kind of scenario with its form and one line."""
    table = grid("l", "l")
    for kind in kinds.values():
        table.add_row(Text(kind.example, "bold"), Text(kind.meaning))
    console.print(table)
    console.print(Text("Join with + what is to hold together: traffic=2x+spot=0.7", "quiet"))


def _table(baseline: Scenario, others: list[Scenario], console: Console) -> None:
    table = grid("L", "L", "R", *"l" * len(others))
    table.add_row(*(Text(words, "quiet") for words in ("", "unit", baseline.name)), *(Text(scenario.name, "bold") for scenario in others))
    for metric, (words, unit) in _METRICS.items():
        if metric not in baseline.metrics:
            continue
        kind = "share" if unit == "%" else ""
        cells = [_cell(baseline, scenario, metric, kind) for scenario in others]
        table.add_row(Text(words), Text(unit, "quiet"), Text(figure(baseline.metrics[metric].mean, kind)), *cells)
    table.add_row(
        Text("cost"), Text("USD/month", "quiet"), Text(usd(baseline.cost.monthly_usd)), *(_money(baseline, scenario) for scenario in others)
    )
    if baseline.usd_per_million_output_tokens is not None:
        table.add_row(
            Text("cost"),
            Text("USD/M tokens", "quiet"),
            Text(usd(baseline.usd_per_million_output_tokens)),
            *(Text(usd(scenario.usd_per_million_output_tokens)) for scenario in others),
        )
    console.print(table)


def _cell(baseline: Scenario, scenario: Scenario, metric: str, kind: str) -> Text:
    found = scenario.metrics.get(metric)
    if found is None:
        return Text(ABSENT)
    mark, style = _VERDICTS.get(found.verdict or "", ("", ""))
    cell = Text.assemble(figure(found.mean, kind), " ", (mark, style))
    if found.difference and found.difference.mean is not None:
        cell.append(f"\n{_difference(baseline, scenario, metric)}", "quiet")
    return cell


def _difference(baseline: Scenario, scenario: Scenario, metric: str) -> str:
    """Return ``+38.0 % [+35.0, +41.0]``: relative to the baseline; in points for a share, absolute where the baseline is zero."""
    base, difference = baseline.metrics[metric].mean, scenario.metrics[metric].difference
    assert difference is not None, "the caller looked"
    if metric == "good_share":
        scale, unit = 100.0, " points"
    elif base:
        scale, unit = 100.0 / base, " %"
    else:
        scale, unit = 1.0, ""

    def signed(value: float | None) -> str:
        return "?" if value is None else f"{value * scale:+.1f}"

    low, high = difference.ci95
    return f"{signed(difference.mean)}{unit} [{signed(low)}, {signed(high)}]"


def _money(baseline: Scenario, scenario: Scenario) -> Text:
    before, after = baseline.cost.monthly_usd, scenario.cost.monthly_usd
    if before is None or after is None:
        return Text(usd(after))
    change = after - before
    if not change:
        return Text.assemble(usd(after), ("  same", "quiet"))
    share = f", {percent(change / before, signed=True)}" if before else ""
    return Text.assemble(usd(after), (f"\n{_signed_usd(change)}{share}, exact", "quiet"))


def _signed_usd(change: float) -> str:
    return usd(change) if change < 0 else f"+{usd(change)}"


def _remarks(scenario: Scenario) -> list[str]:
    remarks = [f"{pod} has no node: {reason}" for pod, reason in sorted(scenario.unschedulable.items())]
    remarks += [f"no price known: {name}" for name in scenario.cost.unpriced]
    if scenario.stopped == "cap":
        remarks.append(f"stopped at {count(scenario.replications, 'replication')} before every headline was known to 5 %")
    return [*remarks, *scenario.notes]


def _sentence(baseline: Scenario, scenario: Scenario) -> str:
    said = []
    for metric in ("p95_ttft_ms", "output_tokens_per_s"):
        found = scenario.metrics.get(metric)
        if found is None or found.difference is None or found.difference.mean is None:
            continue
        words = _METRICS[metric][0]
        told = "not distinguishable" if found.verdict == "not distinguishable" else _difference(baseline, scenario, metric)
        said.append(f"{words} {told}")
    if baseline.cost.monthly_usd is not None and scenario.cost.monthly_usd is not None:
        said.append(f"cost {_signed_usd(scenario.cost.monthly_usd - baseline.cost.monthly_usd)} a month")
    good = scenario.metrics.get("good_share")
    if good and good.mean is not None:
        said.append(f"{percent(good.mean)} of requests good{' ' + interval(good.ci95, 'share') if good.mean < 1 else ''}")
    return ", ".join(said) + "."
