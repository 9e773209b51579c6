"""The pages of single commands: every picture is there, words are escaped, nothing comes from a network."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from sandtable.document.answers.capacity import Capacity
from sandtable.document.answers.cost import EnvironmentCost
from sandtable.document.answers.whatif import WhatIf
from sandtable.report.answers import capacity_page, cost_page, whatif_page

ANSWERS = runpy.run_path(str(Path(__file__).parents[3] / "golden" / "example_answers.py"))
HOLDS = {"threshold": "p95_ttft_ms < 400", "value": 200.0, "worst": 210.0, "holds": True, "use": 0.5}


def configuration(replicas: int, usd: float, use: float) -> dict[str, Any]:
    return {"scenario": f"replicas={replicas}", "monthly_usd": usd, "holds": use <= 1, "use": use, "judged": [HOLDS]}


def point(by: str, at: float, share: float) -> dict[str, Any]:
    return {"by": by, "at": at, "monthly_usd": 1000.0 * at, "share": share, "ci95": (0.0, 1.0), "n": 20, "missed": {}}


def capacity(**more: Any) -> Capacity:
    front = [configuration(2, 2000.0, 0.9), configuration(3, 3000.0, 0.4), configuration(4, 4000.0, 0.35)]
    said = {
        "environment": "a <b>",
        "judged": [HOLDS],
        "binding": [HOLDS],
        "search": {"best": front[0], "knee": front[1], "front": front, "tried": [configuration(1, 1000.0, 3.0), *front], "space": 16},
        "risks": [*(point("rate", at, at / 4) for at in (1.0, 2.0, 3.0)), *(point("replicas", at, 0.1) for at in (1.0, 2.0))],
        "rate_per_s": 3.0,
        "factor": 2.0,
        "holds_per_s": 6.0,
        "broken_factor": 2.1,
    }
    return Capacity.model_validate(said | more)


def check(page: str, *idents: str) -> None:
    assert [f'id="{ident}-title"' in page for ident in idents] == [True] * len(idents)
    assert not re.search(r"(src|href)=.(https?:|//)", page)
    assert "<script" not in page
    assert len(page) < 200_000


def test_capacity_shows_the_front_its_knee_and_the_risk() -> None:
    page = capacity_page(capacity())
    check(page, "front", "risk-rate", "risk-cost")
    assert "knee: replicas=3, $3,000" in page
    assert "cheapest: replicas=2, $2,000" in page
    assert "Capacity of a &lt;b&gt;" in page
    assert page.count('class="series misses"') == 2  # one cross, two strokes


NOTHING: dict[str, Any] = {"best": None, "tried": [], "space": 4}


@pytest.mark.parametrize("search", [None, NOTHING, NOTHING | {"tried": [configuration(1, 0.0, 5.0)]}])
def test_capacity_that_found_nothing_is_a_page_too(search: Any) -> None:
    assert "Not even 2.10 times the traffic holds" in capacity_page(capacity(search=search, risks=[], factor=0.0))


def test_what_spot_nodes_save_and_risk_is_a_table_and_what_was_not_simulated_has_its_reason() -> None:
    more = {"spot": [{"scenario": "replicas=4+spot-nodes=1", "monthly_usd": 900.0, "needed": 2, "risk": 0.13}], "settled": {"too slow": 11}}
    asked = capacity()
    assert asked.search is not None
    page = capacity_page(capacity(search=asked.search.model_dump() | more))
    assert "replicas=4+spot-nodes=1" in page
    assert "11 configurations without a run: too slow" in page
    assert 'id="spot"' not in capacity_page(asked)


def test_cost_shows_the_price_of_a_token_against_the_load_only_where_it_is_known() -> None:
    prices = [{"traffic_factor": factor, "usd_per_million_output_tokens": 3 / factor} for factor in (0.1, 1.0)]
    said = {"environment": "prod", "total_usd": 10.0, "per_mtok": prices}
    check(cost_page(EnvironmentCost.model_validate(said)), "cost-load")
    assert 'id="cost-load' not in cost_page(EnvironmentCost.model_validate(said | {"per_mtok": []}))


def test_each_scenario_shows_its_latencies_with_a_band_beside_the_baseline() -> None:
    document: WhatIf = ANSWERS["whatif"]()
    assert 'class="area"' not in whatif_page(document)

    def with_levels(scenario: Any, factor: float) -> Any:
        levels = [
            {"share": share, "mean": factor * ms, "ci95": (ms, ms), "band90": (ms, 2 * ms), "n": 5}
            for share, ms in ((0.5, 100.0), (0.95, 300.0))
        ]
        return type(scenario).model_validate(scenario.model_dump() | {"distributions": {"ttft_ms": levels, "tpot_ms": []}})

    baseline, other, *_ = document.scenarios
    page = whatif_page(document.model_copy(update={"scenarios": (with_levels(baseline, 1.0), with_levels(other, 1.5))}))
    check(page, "forecast-1-ttft_ms")
    assert page.count('class="area"') == 1
    assert page.count('class="series sent"') == 2  # the baseline's line, and its key
    assert "time per output token, ms: too few good requests" in page
    assert "95 % of the requests" in page
    alone = whatif_page(document.model_copy(update={"scenarios": (with_levels(baseline, 1.0),)}))
    check(alone, "forecast-0-ttft_ms")
    assert 'class="series sent"' not in alone


def test_a_scenario_with_incidents_shows_who_was_away() -> None:
    document: WhatIf = ANSWERS["whatif"]()
    times = {
        "span_s": 100.0,
        "slice_s": 50.0,
        "replicas": ["ai/ai-0", "ai/ai-1"],
        "away": [{"name": "ai/ai-1", "start_s": 20.0, "end_s": 60.0}, {"name": "gemini", "start_s": 5.0, "end_s": 9.0, "why": "503"}],
        "slices": [{"at_s": 0.0, "requests": 10, "failed": 3}, {"at_s": 50.0, "requests": 10, "failed": 0}],
    }
    *others, last = document.scenarios
    lost = type(last).model_validate(last.model_dump() | {"incidents": times})
    page = whatif_page(document.model_copy(update={"scenarios": (*others, lost)}))
    check(page, f"incidents-{len(others)}")
    assert page.count('class="bar failed"') == 3  # two absences, and one slice with failures
    assert ">503</text>" in page
    assert 'id="incidents' not in whatif_page(document)
