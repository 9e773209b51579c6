"""Charts and series that a run leaves."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

from foundation.training.chart import chart
from foundation.training.exposition import exposition
from foundation.training.scrape import Series


def test_a_chart_is_well_formed_and_names_its_series() -> None:
    text = chart("Loss < 2", ("step", "loss"), {"a & b": [(0, 1), (1, math.nan), (2, 0.5)], "empty": []})
    root = ET.fromstring(text)
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")][-1] == "a & b"
    assert text.count("<polyline") == 1
    assert "nan" not in text


def test_a_chart_of_one_point_or_none_is_drawn() -> None:
    ET.fromstring(chart("One", ("x", "y"), {"a": [(3, 3)]}, points=True))
    ET.fromstring(chart("None", ("x", "y"), {}))


def test_names_of_near_points_do_not_cover_each_other() -> None:
    text = chart("Near", ("x", "y"), {f"name {number}": [(1, 1 + number / 1000)] for number in range(6)}, points=True)
    heights = sorted(float(y) for y in re.findall(r'y="([0-9.]+)" class="n"', text))
    assert len(heights) == 6
    assert all(after - before >= 13.9 for before, after in pairwise(heights))


def test_ticks_are_round_numbers_around_the_values() -> None:
    text = chart("Ticks", ("x", "y"), {"a": [(0, 1.94), (50_000, 2.61)]})
    found = re.findall(r'text-anchor="(?:middle|end)">(-?[0-9.,]+)<', text)
    assert found == ["0", "20,000", "40,000", "60,000", "1.8", "2", "2.2", "2.4", "2.6", "2.8"]


def test_series_of_one_family_share_a_colour() -> None:
    series = {"a 1": [(0.0, 1.0)], "a 2": [(1.0, 2.0)], "b 1": [(2.0, 3.0)]}
    text = chart("Families", ("x", "y"), series, points=True, family=lambda name: name[0])
    first, second, third = re.findall(r'<circle .*fill="(#\w+)"', text)
    assert first == second != third


def test_series_are_grouped_and_escaped() -> None:
    text = exposition([("r", {"env": 'a"b\\'}, 1.5), ("s", {"k": "v"}, 2.0), ("r", {"env": "c"}, 3.0)])
    assert text.splitlines() == ["# TYPE r gauge", 'r{env="a\\"b\\\\"} 1.5', 'r{env="c"} 3', "# TYPE s gauge", 's{k="v"} 2']


def test_a_series_has_its_last_value() -> None:
    series = Series()
    series.show(("r", {"stage": "a"}, 1.0), ("r", {"stage": "b"}, 2.0))
    series.show(("r", {"stage": "a"}, 3.0))
    assert series.text() == '# TYPE r gauge\nr{stage="a"} 3\nr{stage="b"} 2\n'
