"""What the medical and the credit application add to a federation: selection, criteria, fairness, calibration."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from workloads.applications.credit_risk import __main__ as credit_risk
from workloads.applications.credit_risk.calibration import calibration
from workloads.applications.credit_risk.fairness import gaps
from workloads.applications.errors import CriteriaError
from workloads.applications.medical import __main__ as medical
from workloads.applications.medical.criteria import validate
from workloads.applications.medical.hospitals import Hospital, select
from workloads.federation.definition import Compliance, Definition

TERMS = Definition(compliance=Compliance(residencies=["eu"]))


def test_hospitals_without_records_consent_or_a_place_take_no_part() -> None:
    candidates = [
        Hospital("a", 90, 0.8, "eu"),
        Hospital("b", 9, 1, "eu"),
        Hospital("c", 90, 0, "eu"),
        Hospital("d", 90, 1, "us"),
        Hospital("e", 90, 1, "eu"),
    ]
    chosen, refused = select(candidates, TERMS, min_records=40)
    assert [each.name for each in chosen] == ["a", "e"]
    assert {name: reason.partition(";")[0] for name, reason in refused.items()} == {
        "b": "9 records",
        "c": "no patient has consented",
        "d": "its records are in us",
    }
    with pytest.raises(CriteriaError, match=r"a round needs 2 clients, and 1 of 1 would take part \(b: 9 records"):
        select(candidates[:2], TERMS, min_records=40)


def test_a_model_passes_by_the_lower_end_of_its_interval() -> None:
    labels = np.repeat([0, 1], 50)
    right = np.eye(2)[labels]
    sensitivity, specificity = validate(right, labels, sensitivity=0.9, specificity=0.99)
    assert sensitivity.share == specificity.share == 1
    assert sensitivity.holds
    assert not specificity.holds  # fifty of fifty do not show 99 %
    assert "specificity 1.000" in str(specificity)
    blind = validate(np.eye(2)[np.ones(100, int)], labels, sensitivity=0.5, specificity=0.5)
    assert [criterion.holds for criterion in blind] == [False, True]


def test_a_gap_between_groups_is_seen_and_an_even_treatment_is_not() -> None:
    groups = np.tile([0.0, 1.0], 500)
    labels = np.zeros(1000, np.int64)
    labels[::5] = 1
    even, _ = gaps(np.arange(1000) % 4 < 2, labels, groups)
    assert even.low < 0 < even.high
    uneven, opportunity = gaps(groups == 0, labels, groups)
    assert uneven.difference == opportunity.difference == -1
    assert opportunity.n == (400, 400)


def test_risks_that_are_right_are_calibrated_and_exaggerated_ones_are_not() -> None:
    random = np.random.default_rng(0)
    risk = random.random(5000)
    labels = (random.random(5000) < risk).astype(np.int64)
    assert calibration(risk, labels).error < 0.03
    assert calibration(np.where(risk > 0.5, 0.99, 0.01), labels).error > 0.2
    assert calibration(risk, labels).brier < calibration(risk, labels).base


@pytest.mark.parametrize("application", [medical, credit_risk])
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--rounds=0"], "rounds: Input should be greater than or equal to 1"),
        (["--epsilon=nan"], "privacy.epsilon: Input should be a finite number"),
        (["--epsilon=-1"], "privacy.epsilon: Input should be greater than 0"),
    ],
)
def test_terms_that_make_no_sense_are_named(
    application: ModuleType, arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["application", *arguments])
    with pytest.raises(SystemExit) as ended:
        application.main()
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("argument", ["--sensitivity=2", "--specificity=nan", "--sensitivity=-0.1", "--hospitals=0", "--min-records=-5"])
def test_criteria_that_no_model_can_meet_are_refused_before_the_training(argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["application", argument])
    with pytest.raises(SystemExit) as ended:
        medical.main()
    assert ended.value.code == 2
