"""Any small document that the reader takes makes a sound page, a sound XML document, a summary and terminal output."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from sandtable.document.reading import Run, parse_graph, parse_rehearsal, parse_samples
from sandtable.document.rehearsal import SCHEMA_VERSION
from sandtable.report.junit import render_junit
from sandtable.report.markdown import render_markdown
from sandtable.report.page import render_page
from sandtable.terminal import show_rehearsal
from sandtable.terminal.console import THEME

number = st.one_of(st.none(), st.floats(-1e15, 1e15), st.sampled_from([float("nan"), float("inf"), 5e-324]), st.integers(-(10**12), 10**12))
count = st.integers(0, 10**6)
words = st.text(max_size=12)
interval = st.one_of(st.none(), st.tuples(number, number).map(list))
quantiles = st.fixed_dictionaries(
    {
        "p50": number,
        "p95": number,
        "p99": number,
        "n": count,
        "ci95": st.dictionaries(st.sampled_from(["p50", "p95", "p99"]), st.tuples(number, number).map(list)),
    }
)
outcome = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "requests": count,
            "good": count,
            "failed": count,
            "ttft_ms": quantiles,
            "tpot_ms": quantiles,
            "e2e_ms": quantiles,
            "output_tokens_per_s": number,
            "utilisation": number,
        }
    ),
)
expression = st.one_of(
    words, st.sampled_from(["p95_ttft_ms < 400", "failed_share <= 0", "monthly_cost_usd < 0", "utilisation > 0.5", "p50_e2e_ms >= 1"])
)
threshold = st.fixed_dictionaries(
    {
        "expression": expression,
        "source": st.sampled_from(["predicted", "measured", "cost", "policy", ""]),
        "value": number,
        "ci95": interval,
        "holds": st.sampled_from([True, False, None]),
    }
)
finding = st.fixed_dictionaries(
    {
        "rule": words,
        "severity": st.sampled_from(["deny", "warn"]),
        "resource": words,
        "message": words,
        "fix": words,
        "waived_by": st.one_of(st.none(), words),
    }
)
pool = st.fixed_dictionaries(
    {"name": words, "nodes": count, "region": words, "usd_per_hour": number, "monthly_usd": number, "suspect": st.one_of(st.none(), words)}
)
cost = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "monthly_usd": number,
            "low_usd": number,
            "high_usd": number,
            "budget_usd": number,
            "idle_share": number,
            "pools": st.lists(pool, max_size=2),
            "unpriced": st.lists(words, max_size=2),
        }
    ),
)
timing = st.fixed_dictionaries({"step": words, "seconds": number, "status": st.sampled_from(["done", "skipped", "failed"]), "note": words})
coefficient = st.fixed_dictionaries(
    {
        "name": words,
        "value": number,
        "unit": words,
        "provenance": st.sampled_from(["measured", "published", "derived", "assumed"]),
        "n": st.one_of(st.none(), count),
    }
)
reason = st.fixed_dictionaries({"cause": st.sampled_from(["policy", "regression", "undecided"]), "text": words})
rehearsal = st.fixed_dictionaries(
    {
        "schema_version": st.just(SCHEMA_VERSION),
        "environment": words,
        "verdict": st.sampled_from(["ship", "hold", "inconclusive"]),
        "started_at": words,
        "command": words,
        "reasons": st.lists(reason, max_size=2),
        "thresholds": st.lists(threshold, max_size=3),
        "predicted": outcome,
        "measured": outcome,
        "policies": st.lists(finding, max_size=3),
        "cost": cost,
        "timings": st.lists(timing, max_size=2),
        "provenance": st.lists(coefficient, max_size=2),
        "load": st.fixed_dictionaries(
            {"rate_per_s": number, "duration_s": number, "generator": st.dictionaries(words, st.one_of(number, words), max_size=2)}
        ),
    }
)
latencies = st.fixed_dictionaries({name: st.lists(number, max_size=5) for name in ("ttft_ms", "tpot_ms", "e2e_ms")})
tick = st.fixed_dictionaries(
    {
        "at_s": st.floats(0, 1e6),
        "offered_per_s": st.floats(0, 1e6),
        "failed_per_s": st.floats(0, 1e6),
        "in_flight": count,
        "ttft_p50_ms": number,
    }
)
samples = st.fixed_dictionaries({"predicted": latencies, "measured": latencies, "timeline": st.lists(tick, max_size=4)})


@settings(max_examples=8)
@given(rehearsal, samples)
def test_any_document_can_be_shown(document: dict[str, Any], drawn: dict[str, Any]) -> None:
    run = Run("fuzz", parse_rehearsal(document), parse_samples(drawn), parse_graph(None))
    html = render_page(run)
    HTMLParser().feed(html)
    assert len(html) < 1_000_000
    assert "<script" not in html
    ET.fromstring(render_junit(run.rehearsal))
    assert render_markdown(run.rehearsal).startswith("## ")
    console = Console(file=io.StringIO(), theme=THEME, width=80, highlight=False)
    show_rehearsal(run.rehearsal, console)
