import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulations.calibration import Calibration, Coefficient
from simulations.calibration.coefficients import Fit, NamedCoefficient
from simulations.errors import CalibrationError

Build = Callable[..., Calibration]


def test_what_is_saved_is_loaded(calibration: Build, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    calibration().save(path)
    assert Calibration.load(path) == calibration()
    assert json.loads(path.read_text())["schema_version"] == 3


def test_every_coefficient_is_listed_with_its_origin(calibration: Build) -> None:
    listed = calibration().provenance()
    assert len(listed) == 6 + 10
    assert listed[0] == NamedCoefficient("compute_s[1 tokens]", Coefficient(0.001, "s", "measured", "a test", 3))


@pytest.mark.parametrize(("error", "counts"), [(0.04, True), (0.15, True), (0.16, False)])
def test_numbers_that_do_not_give_back_their_own_experiments_do_not_count(calibration: Build, error: float, counts: bool) -> None:
    doubt = replace(calibration(), fit=Fit(error, 3.0, 210)).doubt()
    assert (doubt is None) is counts
    if doubt:
        assert "within 16% in the median (n=210), the limit is 15%" in doubt
    assert calibration().doubt() is None, "published coefficients have no experiments"


def test_the_summary_says_how_fast_it_is(calibration: Build) -> None:
    assert calibration().summary() == "1.00 ms a token alone, 0.56 ms a prompt token, 1.00 and 1.00 times that under load (n=3)"


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf")])
def test_a_coefficient_is_a_finite_number_from_0(value: float) -> None:
    with pytest.raises(CalibrationError, match="finite numbers from 0 up are expected"):
        Coefficient(value, "s", "measured", "a test")


def test_an_origin_is_one_of_four() -> None:
    with pytest.raises(CalibrationError, match="'guessed'; expected one of measured, published, derived, assumed"):
        Coefficient(1.0, "s", "guessed", "a test")  # type: ignore[arg-type]


@pytest.mark.parametrize("compute", [{1: 1.0}, {4: 1.0, 2: 2.0}, {0: 1.0, 2: 2.0}])
def test_the_compute_table_rises(calibration: Build, compute: dict[int, float]) -> None:
    with pytest.raises(CalibrationError, match="at least two are needed, rising, from 1 up"):
        calibration(compute=compute)


def test_coldness_must_fade(calibration: Build) -> None:
    with pytest.raises(CalibrationError, match=r"cold_left is 1.0, cold_after_s 0.01; expected < 1 and > 0"):
        calibration(cold_left=1.0)


def _without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d | {"schema_version": 99}, "schema_version is 99, this release reads 3; calibrate again"),
        (lambda d: _without(d, "spec"), r"not a calibration \('spec'\); calibrate again"),
        (lambda d: d | {"surprise": 1}, "not a calibration .*surprise"),
        (lambda d: d | {"compute_s": [[1, {}]]}, "not a calibration"),
    ],
)
def test_other_documents_are_refused(
    calibration: Build, tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], message: str
) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(change(calibration().to_json())))
    with pytest.raises(CalibrationError, match=message):
        Calibration.load(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path, calibration: Build) -> None:
    with pytest.raises(CalibrationError, match=r"nowhere\.json: No such file or directory; calibrate first"):
        Calibration.load(tmp_path / "nowhere.json")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(CalibrationError, match="text: not JSON"):
        Calibration.load(tmp_path / "text")
    (tmp_path / "list").write_text("[]")
    with pytest.raises(CalibrationError, match="list: a JSON list where an object is expected"):
        Calibration.load(tmp_path / "list")
    with pytest.raises(CalibrationError, match="cannot be written: Is a directory"):
        calibration().save(tmp_path)
