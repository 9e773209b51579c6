"""A load test without a rehearsal: latencies with their intervals, throughput, and whether the generator kept up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.document.parts.outcome import LATENCIES, QUANTILES
from sandtable.report.words.metrics import LATENCY_WORDS
from sandtable.report.words.quantities import Estimate, count, figure, percent, seconds
from sandtable.terminal.parts import bullet, grid, heading

if TYPE_CHECKING:
    from rich.console import Console

    from sandtable.document.answers.checks import LoadTest


def show_measurement(test: LoadTest, console: Console) -> None:
    """Print the document of ``sandtable loadtest``."""
    outcome = test.outcome
    console.print()
    if test.invalid:
        console.print(Text.assemble(("? INVALID", "unsure bold"), "  the measurement does not count"))
    elif test.undersampled:
        console.print(Text.assemble(("? INCONCLUSIVE", "unsure bold"), "  the generator kept up, but the sample cannot decide"))
    else:
        console.print(Text.assemble(("✓ VALID", "good bold"), "  the generator kept up"))
    for text in (*test.invalid, *test.undersampled):
        bullet(console, text)
    console.print(Text(f"  {test.generator_kind} on {', '.join(test.targets)}", "quiet"))
    heading(console, "latency", "ms [95 % interval], from the intended send time")
    table = grid("L", "L", "R", "L")
    for latency in LATENCIES:
        found = outcome.latency(latency)
        for name in QUANTILES:
            cell = Estimate(found.at(name), "ms", found.ci95.get(name))
            words = Text.assemble(LATENCY_WORDS[latency], (f"  n={found.n:,}", "quiet")) if name == QUANTILES[0] else Text("")
            table.add_row(words, Text(name, "quiet"), Text(cell.text, "bold"), Text(cell.interval, "quiet"))
    console.print(table)
    heading(console, "the whole run")
    bullet(
        console, f"{count(outcome.requests, 'request')}, {outcome.good:,} good, {outcome.failed:,} failed, in {seconds(outcome.duration_s)}"
    )
    if outcome.limited:
        bullet(console, f"{count(outcome.limited, 'more request')} refused: their tenant's quota is used up")
    for failed in test.errors[:_SHOWN_ERRORS]:
        bullet(console, f"{failed.count:,} failed: {failed.error}")
    bullet(
        console, f"{figure(outcome.output_tokens_per_s)} output tokens per second, replicas busy {percent(outcome.utilisation)} of the time"
    )
    said = ((words, getattr(test.generator, name, None), unit) for name, words, unit in _GENERATOR)
    if known := [f"{words} {figure(value)} {unit}" for words, value, unit in said if value is not None]:
        bullet(console, "generator: " + ", ".join(known))
    for text in test.notes:
        bullet(console, text)


_SHOWN_ERRORS: Final = 3
_GENERATOR = (("lag_p99_ms", "lag p99", "ms"), ("cpu_ms_per_request", "CPU", "ms a request"), ("cpu_us_per_frame", "or", "µs a frame"))
