"""A load test on its own: latencies with their intervals, throughput, and whether the generator kept up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from sandtable.report.run import parse_outcome
from sandtable.report.run.documents import LATENCIES, QUANTILES
from sandtable.report.words.metrics import LATENCY_WORDS
from sandtable.report.words.quantities import Estimate, count, figure, percent, seconds
from sandtable.terminal.parts import bullet, grid, heading

if TYPE_CHECKING:
    from rich.console import Console


def show_measurement(document: dict[str, Any], console: Console) -> None:
    """Print the document of ``sandtable loadtest``.

    Raises:
        RunUnreadableError: its outcome is none.
    """
    outcome = parse_outcome(document["outcome"])
    invalid = [str(text) for text in document.get("invalid") or ()]
    undersampled = [str(text) for text in document.get("undersampled") or ()]
    console.print()
    if invalid:
        console.print(Text.assemble(("? INVALID", "unsure bold"), "  the measurement does not count"))
    elif undersampled:
        console.print(Text.assemble(("? INCONCLUSIVE", "unsure bold"), "  the generator kept up, and the sample cannot decide"))
    else:
        console.print(Text.assemble(("✓ VALID", "good bold"), "  the generator kept up"))
    for text in (*invalid, *undersampled):
        bullet(console, text)
    console.print(Text(f"  {document.get('generator_kind', '')} on {', '.join(document.get('targets') or ())}", "quiet"))
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
    for failed in list(document.get("errors") or ())[:_SHOWN_ERRORS]:
        bullet(console, f"{failed['count']:,} failed: {failed['error']}")
    bullet(
        console, f"{figure(outcome.output_tokens_per_s)} output tokens per second, replicas busy {percent(outcome.utilisation)} of the time"
    )
    generator = document.get("generator") or {}
    told = [f"{words} {figure(generator[key])} {unit}" for key, words, unit in _GENERATOR if isinstance(generator.get(key), int | float)]
    if told:
        bullet(console, "generator: " + ", ".join(told))
    for text in document.get("notes") or ():
        bullet(console, str(text))


_SHOWN_ERRORS: Final = 3
_GENERATOR = (("lag_p99_ms", "lag p99", "ms"), ("cpu_ms_per_request", "CPU", "ms a request"), ("cpu_us_per_frame", "or", "µs a frame"))
