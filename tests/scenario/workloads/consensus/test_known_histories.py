"""Histories of real stores with known verdicts: 102 of etcd under Jepsen, six of a key-value store, as Porcupine judges them."""

from __future__ import annotations

from pathlib import Path

import pytest

from workloads.consensus.checking.key_value import step
from workloads.consensus.checking.linearizability import Outcome, check
from workloads.consensus.checking.logs import read_jepsen, read_key_value

DATA = Path(__file__).parents[5] / "shared" / "data" / "linearizability"
#: Porcupine's verdicts (porcupine_test.go); the others up to 102 are not linearizable. In number 95 etcd did not start.
JEPSEN_LINEARIZABLE = {2, 5, 7, 18, 25, 31, 38, 45, 48, 49, 51, 53, 56, 67, 75, 76, 80, 87, 92, 98, 100, 101, 102}


@pytest.fixture
def _data() -> None:
    if not DATA.is_dir():
        pytest.skip(f"the histories are not here: {DATA}")


@pytest.mark.usefixtures("_data")
def test_102_histories_of_etcd_under_jepsen() -> None:
    histories = {int(path.stem[-3:]): read_jepsen(path) for path in sorted(DATA.glob("jepsen/etcd_*.log"))}
    assert histories.pop(95) == []
    assert len(histories) == 102
    verdicts = {number: check(history, step).outcome for number, history in histories.items()}
    assert Outcome.UNKNOWN not in verdicts.values()
    assert {number for number, outcome in verdicts.items() if outcome is Outcome.LINEARIZABLE} == JEPSEN_LINEARIZABLE


@pytest.mark.usefixtures("_data")
@pytest.mark.parametrize("clients", ["01", "10", "50"])
@pytest.mark.parametrize(("verdict", "outcome"), [("ok", Outcome.LINEARIZABLE), ("bad", Outcome.VIOLATED)])
def test_six_histories_of_a_key_value_store(clients: str, verdict: str, outcome: Outcome) -> None:
    assert check(read_key_value(DATA / "kv" / f"c{clients}-{verdict}.txt"), step, initial="").outcome is outcome


def test_a_line_that_is_no_operation_is_named(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("{:process 0}\n")
    with pytest.raises(ValueError, match=r"history, line 1: is no operation: \{:process 0\}"):
        read_key_value(tmp_path / "history")
