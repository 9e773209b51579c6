"""The federation on the data sets that scikit-learn carries: what it learns, and that privacy by PLD keeps its budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from workloads.federation.definition import Definition, Local, Partition, Privacy, Strategy
from workloads.federation.serving.rehearsing import rehearse

pytest.importorskip("dp_accounting", reason="needs the dependency group `federation`: run `nox -s federation`")
pytest.importorskip("sklearn", reason="needs the dependency group `federation`: run `nox -s federation`")

QUIET = lambda _line: None  # noqa: E731


def test_digits_without_privacy_reach_96_percent(tmp_path: Path) -> None:
    report = rehearse(Definition(rounds=12, privacy=Privacy(unit="none")), 10, tmp_path, QUIET)
    assert report["parameters"] == 4810
    assert report["rounds"][-1]["accuracy"] > 0.94


def test_two_shards_with_scaffold_and_momentum_are_learned(tmp_path: Path) -> None:
    definition = Definition(
        rounds=30,
        partition=Partition(kind="shards"),
        strategy=Strategy(name="scaffold", momentum=0.5),
        privacy=Privacy(unit="none"),
        secure_aggregation=False,
    )
    assert rehearse(definition, 10, tmp_path, QUIET)["rounds"][-1]["accuracy"] > 0.88


def test_breast_cancer_with_epsilon_3_a_record(tmp_path: Path) -> None:
    definition = Definition(task="breast-cancer", rounds=6, local=Local(epochs=3, batch=32, rate=0.5), privacy=Privacy(epsilon=3.0))
    rounds = rehearse(definition, 3, tmp_path, QUIET)["rounds"]
    assert 2.98 < rounds[-1]["epsilon"] <= 3
    assert rounds[-1]["accuracy"] > 0.9
