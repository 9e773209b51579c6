"""Rows are judged by the tolerance that they declare, and never passed unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulations.errors import SimulationError
from simulations.validation import EXACT, REPORTED, Figure, Row, Tolerance, UnavailableError, at_least, check, relative, rows, within
from simulations.validation.published.ledgers import conservation
from simulations.validation.registry import rows as registered
from simulations.validation.tolerance import within_interval
from simulations.whatif import KINDS, parse_scenario


def row(*figures: Figure, tolerance: Tolerance = EXACT, files: tuple[str, ...] = ()) -> Row:
    return Row("name", "set-up", "source", "1", tolerance, lambda _: figures, files)


@pytest.mark.parametrize(
    ("tolerance", "holds", "breaks"),
    [
        (within(0.5, "pp"), 10.5, 10.51),
        (relative(0.02), 10.2, 10.21),
        (EXACT, 10.0, 10.000001),
        (at_least("%"), 10.0, 9.99),
    ],
)
def test_a_figure_is_judged_by_its_tolerance(tmp_path: Path, tolerance: Tolerance, holds: float, breaks: float) -> None:
    assert check(row(Figure("x", 10.0, holds), tolerance=tolerance), tmp_path).verdict == "held"
    missed = check(row(Figure("x", 10.0, breaks), tolerance=tolerance), tmp_path)
    assert (missed.verdict, missed.reason) == ("missed", f"x: {breaks:.6g} where 10 was published")


def test_an_interval_that_is_too_wide_holds_nothing(tmp_path: Path) -> None:
    figures = {"held": Figure("x", 10.0, 10.1, 5, 9.95, 10.25), "missed": Figure("x", 10.0, 10.1, 5, 9.0, 11.2)}
    for verdict, figure in figures.items():
        assert check(row(figure, tolerance=within_interval(0.02)), tmp_path).verdict == verdict


def test_not_a_number_is_missed(tmp_path: Path) -> None:
    for tolerance in (within(1, ""), relative(1), EXACT, within_interval(1)):
        assert check(row(Figure("x", 1.0, float("nan")), tolerance=tolerance), tmp_path).verdict == "missed"


def test_the_words_of_a_share() -> None:
    assert [relative(share).words for share in (0.005, 0.02, 0.1)] == ["± 0.5 %", "± 2 %", "± 10 %"]


def test_one_broken_figure_breaks_the_row_and_a_reported_one_does_not(tmp_path: Path) -> None:
    held, broken = Figure("a", 1.0, 1.0), Figure("b", 1.0, 2.0)
    assert check(row(held, broken), tmp_path).verdict == "missed"
    assert check(row(held, Figure("b", 1.0, 2.0, tolerance=REPORTED)), tmp_path).verdict == "held"


def test_missing_data_is_skipped(tmp_path: Path) -> None:
    wanting = row(Figure("x", 1.0, 1.0), files=("trace.csv",))
    assert check(wanting, tmp_path).verdict == "skipped"
    (tmp_path / "trace.csv").touch()
    assert check(wanting, tmp_path).verdict == "held"


def test_no_figure_is_missed(tmp_path: Path) -> None:
    assert check(row(), tmp_path).verdict == "missed"


@pytest.mark.parametrize(("error", "verdict"), [(UnavailableError("no etcd"), "skipped"), (SimulationError("bad trace"), "missed")])
def test_a_run_that_ends_early_gives_its_reason(tmp_path: Path, error: Exception, verdict: str) -> None:
    def measure(_: Path) -> Iterator[Figure]:
        raise error
        yield

    result = check(Row("name", "", "", "", EXACT, measure), tmp_path)
    assert (result.verdict, result.reason) == (verdict, str(error))


def test_every_row_says_what_it_reproduces() -> None:
    found = rows()
    assert "meta-rsc" in found
    for name, declared in found.items():
        assert name == declared.id
        assert all((declared.setup, declared.source, declared.expected, declared.tolerance.words)), name


def test_two_rows_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulations.validation.registry._defined", lambda _: iter([row(), row()]))
    with pytest.raises(ValueError, match="two rows are named 'name'"):
        registered()


def test_conservation_is_checked_under_scenarios_of_every_kind() -> None:
    asked = [change.kind for case in conservation.CASES for text in case.scenarios for change in parse_scenario(text).changes]
    assert set(KINDS) <= set(asked)
    assert any(case.scaled for case in conservation.CASES)
    assert any(kind not in KINDS for kind in asked)  # a provider's fault
