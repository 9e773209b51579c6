"""Scenarios against each other: what the second of each pair changes, with the half-width of the paired 95 % interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words.quantities import ABSENT, figure, usd
from sandtable.terminal.parts import grid, heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sandtable.document.answers.whatif import Compared, ScenarioPair

_METRICS: Final = {
    "usd_per_million_output_tokens": "USD/M tokens",
    "p95_ttft_ms": "p95 TTFT, ms",
    "p95_e2e_ms": "p95 E2E, ms",
    "output_tokens_per_s": "tokens/s",
    "good_share": "good",
}
_FIRST_COLUMN, _COLUMN = 16, 30


def show_pairs(pairs: Sequence[ScenarioPair], console: Console) -> None:
    """Print a column for each pair, as many as fit side by side, then a sentence on the money of each."""
    heading(console, "against each other", "the second less the first, ± half of the paired 95 % interval")
    fit = max(1, (console.width - _FIRST_COLUMN) // _COLUMN)
    for start in range(0, len(pairs), fit):
        _table(pairs[start : start + fit], console)
        console.print()
    for pair in pairs:
        console.print(Text(_sentence(pair)))


def _table(pairs: Sequence[ScenarioPair], console: Console) -> None:
    table = grid("L", *"l" * len(pairs))
    table.add_row("", *(Text(f"{pair.second}\nagainst {pair.first}", "bold") for pair in pairs))
    for name, words in _METRICS.items():
        table.add_row(words, *(_cell(pair.metrics.get(name), share=name == "good_share") for pair in pairs))
    table.add_row("USD a month", *("not known" if pair.monthly_usd is None else _signed_usd(pair.monthly_usd) for pair in pairs))
    console.print(table)


def _cell(found: Compared | None, *, share: bool) -> Text:
    if found is None or found.difference is None or found.difference.mean is None:
        return Text(ABSENT, "quiet")
    mean, half = found.difference.mean, _half_width(found)
    if share:
        said, around = f"{mean * 100:+.1f} pt", f" ± {half * 100:.1f}" if half else ""
    else:
        said, around = f"{'+' if mean > 0 else ''}{figure(mean)}", f" ± {figure(half)}" if half else ""
    style = {"better": "good", "worse": "bad"}.get(found.verdict or "", "quiet")
    return Text(said + around, style)


def _half_width(found: Compared) -> float | None:
    low, high = found.difference.ci95 if found.difference else (None, None)
    return None if low is None or high is None else (high - low) / 2


def _signed_usd(amount: float) -> str:
    return usd(amount) if amount < 0 else f"+{usd(amount)}"


def _sentence(pair: ScenarioPair) -> str:
    """Return a sentence such as "B is cheaper than A by $3.10 ± $0.20 a million tokens; -$1,200 a month"."""
    tokens = pair.metrics.get("usd_per_million_output_tokens")
    month = "" if pair.monthly_usd is None else f"{_signed_usd(pair.monthly_usd)} a month" if pair.monthly_usd else "the same a month"
    if tokens is None or tokens.difference is None or tokens.difference.mean is None:
        return f"What a token costs cannot be compared for {pair.second} and {pair.first}{month and f' ({month})'}."
    half, verdict = _half_width(tokens), {"better": "cheaper", "worse": "dearer"}.get(tokens.verdict or "")
    by = f"{usd(abs(tokens.difference.mean))}{f' ± {usd(half)}' if half is not None else ''} a million tokens"
    rest = month and f"; {month}"
    if verdict is None:
        return f"{pair.second} and {pair.first} cannot be told apart by what a token costs ({by}{rest})."
    return f"{pair.second} is {verdict} than {pair.first} by {by}{rest}."
