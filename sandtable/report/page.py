"""The report as one HTML file: no network, no script, under one megabyte, the same bytes for the same documents.

Rule 1: all text from documents is escaped (Jinja's autoescape); only charts made by ``charts`` pass unchanged. Pictures of jobs are images,
in which a browser runs nothing.
Rule 2: long tables are cut at :data:`MOST_ROWS` rows and say how many more rows are in which document.
Rule 3: the first screen is for whoever decides, the sections below for whoever asks why.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sandtable.document.parts.outcome import LATENCIES, Outcome
from sandtable.report.charts.curve import token_curve
from sandtable.report.charts.distribution import Curve, Limit, distribution
from sandtable.report.charts.gauge import gauge
from sandtable.report.charts.graph import MOST_COMPONENTS, draw
from sandtable.report.charts.timeline import slices_of, timeline
from sandtable.report.charts.trend import trend
from sandtable.report.styles import style
from sandtable.report.words import bands, metrics, quantities, sentences
from sandtable.report.words.components import components, counted
from sandtable.report.words.facts import facts
from sandtable.report.words.metrics import LATENCY_WORDS, SHORT, UNIT_WORDS, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandtable.document.parts.cost import Cost, RunCost
    from sandtable.document.pictures import Picture
    from sandtable.document.reading import Run

MOST_ROWS: Final = 200
_SLICES_IN_TABLE: Final = 60
#: Multiples of the run's rate at which a token is priced.
_LOADS: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
_SHARES: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99, 100)
_HERE: Final = Path(__file__).parent
_T = TypeVar("_T")


def render_page(run: Run) -> str:
    """Return the report of ``run`` as one HTML document."""
    return _environment().get_template("page.html.j2").render(_context(run))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "figure": quantities.figure,
        "usd": quantities.usd,
        "unit_price": quantities.unit_price,
        "percent": quantities.percent,
        "interval": quantities.interval,
        "seconds": quantities.seconds,
        "when": _when,
        "code": _code,
        "facts": facts,
        "cut": _cut,
        "rest": _rest,
        "picture": _picture,
    }
    return environment


def _context(run: Run) -> dict[str, Any]:
    rehearsal = run.rehearsal
    lines = metrics.lines(rehearsal)
    parts = components(run.graph) if run.graph else []
    _, slices = slices_of(run.samples.timeline, _SLICES_IN_TABLE) if run.samples.timeline else (0.0, [])
    return {
        "style": Markup("").join(style(name) for name in ("colours", "page", "tables", "charts", "print")),
        "run": run,
        "it": rehearsal,
        "verdict": sentences.VERDICTS[rehearsal.verdict],
        "headline": sentences.headline(rehearsal),
        "basis": sentences.basis(rehearsal),
        "counted": _counted(run),
        "deployed": sentences.deployed(rehearsal),
        "thresholds": [(line, sentences.HOLDS[line.holds], gauge(f"gauge-{index}", line)) for index, line in enumerate(lines)],
        "buys": sentences.what_it_buys(rehearsal),
        "monthly": sentences.monthly(rehearsal.cost),
        "budget": _budget(rehearsal.cost),
        "budget_words": sentences.budget(rehearsal.cost) if rehearsal.cost else "",
        "cost_load": _cost_load(rehearsal.cost),
        "zeros": sentences.zeros(rehearsal.cost) if rehearsal.cost else [],
        "rows": metrics.comparison(rehearsal),
        "bands": list(bands.rows(rehearsal)),
        "band_heads": bands.HEADS,
        "jobs": metrics.jobs(rehearsal),
        "pictures": run.pictures,
        "units": UNIT_WORDS,
        "figures": [_figure(run, name, lines) for name in LATENCIES] if rehearsal.predicted or rehearsal.measured else [],
        "timeline": timeline(run.samples.timeline),
        "slices": slices,
        "findings": rehearsal.policies,
        "parts_list": parts,
        "most_parts": MOST_COMPONENTS,
        "resources": draw(parts),
        "longest": max((timing.seconds or 0.0 for timing in rehearsal.timings), default=0.0) or 1.0,
        "status": sentences.STATUS,
        "verification": run.verification,
        "outcomes": sentences.OUTCOMES,
        "history": run.history,
        "trend": trend(run.history),
        "provenance": sorted({one.provenance for one in rehearsal.provenance}, key=["measured", "derived", "published", "assumed"].index),
        "most": MOST_ROWS,
    }


def _picture(picture: Picture) -> str:
    """Return ``picture`` as a URL that needs no network."""
    return f"data:image/svg+xml;base64,{b64encode(picture.svg).decode()}"


@dataclass(frozen=True, slots=True)
class Figure:
    """The chart of a latency with its data: rows of (share in per cent, predicted, measured)."""

    name: str
    words: str
    short: str
    picture: Markup
    data: list[tuple[int, float | None, float | None]]


def _figure(run: Run, latency: str, lines: list[Line]) -> Figure:
    sides = {"predicted": run.rehearsal.predicted, "measured": run.rehearsal.measured}
    curves = [
        Curve(side, run.samples.side(side).latency(latency), (outcome or Outcome()).latency(latency)) for side, outcome in sides.items()
    ]
    limits = {
        line.expression: Limit(line.expression[:3], line.limit, f"{line.expression[:3]} {line.symbol} {line.limit:g}")
        for line in lines
        if line.latency == latency and line.limit is not None
    }
    words = LATENCY_WORDS[latency]
    return Figure(
        name=latency,
        words=words,
        short=SHORT[latency],
        picture=distribution(f"distribution-{latency}", f"Distribution of the {words}", curves, list(limits.values())),
        data=[(share, *(_at(curve.samples, share) for curve in curves)) for share in _SHARES if any(curve.samples for curve in curves)],  # type: ignore[misc]  # two curves
    )


def _at(ordered: list[float], share: int) -> float | None:
    """Return the smallest sample that ``share`` per cent of all samples do not exceed."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else None


def _counted(run: Run) -> str:
    """Return how many resources there are and where they were read from; from the summary if the graph is missing."""
    if run.graph is None:
        return quantities.count(run.rehearsal.graph.resources, "resource")
    return f"{counted(run.graph)}; read from {run.graph.source or 'an unknown source'}"


def _budget(cost: Cost | None) -> Markup:
    """Return a chart of the monthly cost and its range against the budget; empty if either is unknown."""
    if cost is None or cost.monthly_usd is None or cost.budget_usd is None:
        return Markup("")
    estimate = quantities.Estimate(cost.monthly_usd, "usd", (cost.low_usd, cost.high_usd))
    words = f"Monthly cost {sentences.monthly(cost)} against the budget of {quantities.usd(cost.budget_usd)}"
    return gauge("gauge-budget", Line("", words, "cost", None, estimate, cost.budget_usd, "<=", None), 420.0)


def _cost_load(cost: RunCost | None) -> Markup:
    """Return a chart of the price of a token against the load; empty if its price at the rate of the run is not known."""
    if cost is None or not cost.usd_per_million_output_tokens:
        return Markup("")
    return token_curve({factor: cost.usd_per_million_output_tokens / factor for factor in _LOADS}, "times the rate of this run")


def _when(iso: str) -> str:
    """Return a point in time in readable form; text that is not ISO 8601 is returned unchanged."""
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".rstrip()


def _code(text: str) -> Markup:
    """Return escaped ``text`` with the parts between backticks set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped a moment ago


def _cut(rows: Sequence[_T]) -> Sequence[_T]:
    return rows[:MOST_ROWS]


def _rest(rows: Sequence[_T]) -> int:
    return max(0, len(rows) - MOST_ROWS)
