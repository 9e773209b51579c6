"""Histories of real stores with known verdicts: 102 of etcd under Jepsen, six of a key-value store, as Porcupine judges them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from workloads.consensus.checking.history import Operation
from workloads.consensus.checking.key_value import step
from workloads.consensus.checking.linearizability import Outcome, check

DATA = Path(__file__).parents[5] / "shared" / "data" / "linearizability"
#: Porcupine's verdicts (porcupine_test.go); the others up to 102 are not linearizable. In number 95 etcd did not start.
JEPSEN_LINEARIZABLE = {2, 5, 7, 18, 25, 31, 38, 45, 48, 49, 51, 53, 56, 67, 75, 76, 80, 87, 92, 98, 100, 101, 102}
JEPSEN = re.compile(r"^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.*)$")
KEY_VALUE = re.compile(r'^\{:process (\d+), :type :(\w+), :f :(\w+), :key "(.*)", :value (?:nil|"(.*)")\}$')


def assembled(events: Iterator[tuple[str, str, str, str, object]]) -> list[Operation]:
    """Pair (client, type, action, key, value) into operations; ``ok`` and ``fail`` answer, ``info`` never does."""
    history, calls = [], {}
    for moment, (client, kind, action, key, value) in enumerate(events):
        if kind == "invoke":
            calls[client] = (moment, action, key, value)
        elif kind in {"ok", "fail"}:
            called, _, _, argument = calls.pop(client)
            if value != ":timed-out":
                result = kind == "ok" if action == "compare_and_set" else value
                history.append(Operation(client, key, action, argument, result, called, moment))
    return history + [Operation(who, key, action, value, None, called, None) for who, (called, action, key, value) in calls.items()]


def jepsen(path: Path) -> Iterator[tuple[str, str, str, str, object]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := JEPSEN.match(line):
            client, kind, function, text = found.groups()
            action = {"read": "get", "write": "put", "cas": "compare_and_set"}[function]
            value = None if text == "nil" else tuple(text[1:-1].split()) if text.startswith("[") else text
            yield client, kind, action, "register", value


def key_value(path: Path) -> Iterator[tuple[str, str, str, str, object]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        found = KEY_VALUE.match(line)
        assert found, line
        client, kind, action, key, value = found.groups()
        yield client, kind, action, key, value


@pytest.fixture(autouse=True)
def _data() -> None:
    if not DATA.is_dir():
        pytest.skip(f"the histories are not here: {DATA}")


def test_102_histories_of_etcd_under_jepsen() -> None:
    histories = {int(path.stem[-3:]): assembled(jepsen(path)) for path in sorted(DATA.glob("jepsen/etcd_*.log"))}
    assert histories.pop(95) == []
    assert len(histories) == 102
    verdicts = {number: check(history, step).outcome for number, history in histories.items()}
    assert Outcome.UNKNOWN not in verdicts.values()
    assert {number for number, outcome in verdicts.items() if outcome is Outcome.LINEARIZABLE} == JEPSEN_LINEARIZABLE


@pytest.mark.parametrize("clients", ["01", "10", "50"])
@pytest.mark.parametrize(("verdict", "outcome"), [("ok", Outcome.LINEARIZABLE), ("bad", Outcome.VIOLATED)])
def test_six_histories_of_a_key_value_store(clients: str, verdict: str, outcome: Outcome) -> None:
    assert check(assembled(key_value(DATA / "kv" / f"c{clients}-{verdict}.txt")), step, initial="").outcome is outcome
