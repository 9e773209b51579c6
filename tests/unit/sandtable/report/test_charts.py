from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from sandtable.document.parts.load import Tick
from sandtable.document.parts.outcome import Quantiles
from sandtable.document.reading import Run
from sandtable.report.charts.distribution import POINTS, Curve, Limit, distribution
from sandtable.report.charts.gauge import gauge
from sandtable.report.charts.scale import Linear, Log, Probability
from sandtable.report.charts.timeline import SLICES, slices_of, timeline
from sandtable.report.words.metrics import lines

SHORT = Quantiles(p50=100.0, p95=200.0, p99=300.0, n=24, ci95={"p50": (90.0, 110.0), "p95": (180.0, 250.0), "p99": (190.0, None)})


def elements(markup: object, name: str) -> list[ET.Element]:
    return [element for element in ET.fromstring(str(markup)).iter() if element.tag == name]


def test_the_distribution_names_itself_for_screen_readers() -> None:
    root = ET.fromstring(
        str(distribution("d-1", "Spread", [Curve("measured", [90.0, 100.0, 120.0], SHORT)], [Limit("p95", 150.0, "p95 < 150")]))
    )
    assert root.get("role") == "img"
    named = (root.get("aria-labelledby") or "").split()
    assert [root.find(tag).get("id") for tag in ("title", "desc")] == named  # type: ignore[union-attr]
    assert "p95 200.0" in (root.findtext("desc") or "")
    assert "Threshold p95 < 150" in (root.findtext("desc") or "")


def test_predicted_and_measured_differ_in_class_and_in_mark() -> None:
    drawn = str(distribution("d-1", "Spread", [Curve(side, [90.0, 100.0, 120.0], SHORT) for side in ("predicted", "measured")], []))
    assert 'class="curve predicted"' in drawn
    assert 'class="curve measured"' in drawn
    assert drawn.count("<circle") == 4  # three quantiles and the legend, for the measurement only


def test_an_interval_without_an_upper_end_runs_to_the_edge() -> None:
    drawn = distribution("d-1", "Spread", [Curve("measured", [90.0, 100.0, 300.0], SHORT)], [])
    whiskers = [element for element in elements(drawn, "line") if "whisker" in (element.get("class") or "")]
    assert float(whiskers[2].get("x2") or 0) == 358.0


def test_many_samples_are_drawn_from_few_points() -> None:
    drawn = distribution("d-1", "Spread", [Curve("measured", [float(value) for value in range(1, 50_001)], SHORT)], [])
    curve = next(element for element in elements(drawn, "path") if element.get("class") == "curve measured")
    assert (curve.get("d") or "").count(" ") <= 2 * (POINTS + 2)
    assert len(str(drawn)) < 12_000


@pytest.mark.parametrize("samples", [[], [5.0], [5.0, 5.0], [0.0, 0.0], [-1.0, 3.0], [1e-9, 1e12]])
def test_odd_samples_still_make_a_picture(samples: list[float]) -> None:
    drawn = str(distribution("d-1", "Spread", [Curve("measured", samples, SHORT)], [Limit("p95", 1e9, "p95 < 1e9")]))
    assert ET.fromstring(drawn).tag == "svg"
    assert "nan" not in drawn


def test_without_a_sample_there_is_a_sentence() -> None:
    assert "No request produced a sample." in distribution("d-1", "Spread", [Curve("measured", [], Quantiles())], [])


def test_a_limit_far_away_does_not_squash_the_curves() -> None:
    drawn = str(distribution("d-1", "Spread", [Curve("measured", [90.0, 100.0, 120.0], SHORT)], [Limit("p95", 60_000.0, "p95 < 60000")]))
    assert "p95 &lt; 60000 →" in drawn
    assert 'class="limit"' not in drawn


def test_the_timeline_draws_failures_only_where_there_were_any(run: Callable[[str], Run]) -> None:
    assert "bar failed" not in timeline(run("ship").samples.timeline)
    assert "bar failed" in timeline(run("hold").samples.timeline)
    assert "No load was sent." in timeline([])


def test_a_long_run_is_merged_into_few_slices_that_keep_the_mean() -> None:
    ticks = [Tick(at_s=float(second), offered_per_s=float(second % 2), in_flight=second) for second in range(3600)]
    length, slices = slices_of(ticks)
    assert (length, len(slices)) == (15.0, SLICES)
    assert sum(tick.offered_per_s for tick in slices) / SLICES == pytest.approx(0.5, abs=0.01)
    assert slices[0].in_flight == 14


def test_one_slice_is_a_picture_too() -> None:
    assert "svg" in timeline([Tick(at_s=0.0, offered_per_s=1.0)])


def test_the_gauge_puts_the_allowed_side_by_the_operator(run: Callable[[str], Run]) -> None:
    found = lines(run("ship").rehearsal)
    below = elements(gauge("gauge-0", found[0]), "rect")
    assert float(below[1].get("x") or 0) == float(below[0].get("x") or 0)


def test_scales_never_leave_the_picture() -> None:
    for scale in (Linear(0, 10, 5, 95), Log(1, 100, 5, 95)):
        assert scale(-1e9) == 5
        assert scale(1e9) == 95
    assert Probability(0.999, 100, 0)(0.0) == 100
    assert Probability(0.999, 100, 0)(1.0) == 0


@pytest.mark.parametrize(("low", "high"), [(1, 3), (0.2, 40_000), (99, 100), (1e-6, 1e9)])
def test_a_logarithmic_axis_has_a_few_marks(low: float, high: float) -> None:
    ticks = Log(low, high, 0, 1).ticks(6)
    assert 2 <= len(ticks) <= 6
    assert all(low <= tick <= high for tick in ticks)
