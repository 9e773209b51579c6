"""Bad input: each message that breaks a rule is refused with a reason that names the client, and the round goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.workloads.federation.federations import Federation, definition
from workloads.federation.errors import StateError
from workloads.federation.rounds.messages import Join, PlainUpdate, Refused, ToClient, ToServer, Trained
from workloads.federation.rounds.store import Store
from workloads.federation.secure_aggregation.messages import MaskedUpdate

LENGTH = 12


def refusals_of(federation: Federation, change: Callable[[ToServer], ToServer | None]) -> list[str]:
    """Run with the messages of c1 changed, and return what the server has refused; a None leaves a message as it is."""
    receive = federation.coordinator.receive

    def changed(message: ToServer, now_s: float) -> list[ToClient]:
        other = change(message) if message.sender == "c1" else None
        return receive(other or message, now_s)

    federation.coordinator.receive = changed  # type: ignore[method-assign]
    federation.run()
    return federation.coordinator.refusals


def with_values(values: Any) -> Callable[[ToServer], ToServer | None]:
    return lambda message: replace(message, body=replace(message.body, values=values)) if isinstance(message.body, PlainUpdate) else None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full(LENGTH, np.nan), "entry 0 of its update is not a finite number"),
        (np.full(LENGTH, 1e300), "the norm of its update is inf; clients clip updates to 10"),
        (np.full(LENGTH, 1e3), "the norm of its update is 3464"),
        (np.zeros(LENGTH + 1), r"an update is 12 numbers of type float64, not float64 of shape \(13,\)"),
        (np.zeros(LENGTH, np.float32), "not float32 of shape"),
    ],
)
def test_an_update_that_would_spoil_the_model_is_refused(tmp_path: Path, values: np.ndarray[Any, Any], reason: str) -> None:
    federation = Federation(tmp_path, definition(secure_aggregation=False, rounds=1))
    (refused, *_) = refusals_of(federation, with_values(values))
    assert refused.startswith("round 1, client 'c1': ")
    assert pytest.importorskip("re").search(reason, refused)
    assert federation.coordinator.store.progress.history[0].contributors == ("c0", "c2")


def test_a_client_that_lies_about_its_count_is_refused(tmp_path: Path) -> None:
    def lies(message: ToServer) -> ToServer | None:
        return replace(message, body=replace(message.body, records=4000)) if isinstance(message.body, PlainUpdate) else None

    federation = Federation(tmp_path, definition(secure_aggregation=False, rounds=1))
    assert "claims to have trained on 4000 records and is enrolled with 48" in refusals_of(federation, lies)[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 99}, "it speaks version 99 of the protocol"),
        ({"definition": b"\0" * 32}, "it was started with another definition"),
        ({"records": 0}, "it has no records to train on"),
        ({"records": 47}, "it claims 47 records and is enrolled with 48"),
        ({"purpose": "marketing"}, "may be used for 'marketing', not for 'rehearsal'"),
        ({"consent": b"\1" * 32}, "its consent snapshot is not the one it was enrolled with"),
        ({"residency": "elsewhere"}, "its records are in 'elsewhere'; allowed: local"),
    ],
)
def test_the_gate_refuses_a_client_and_the_others_go_on(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    federation = Federation(tmp_path, definition(rounds=1))

    def other(message: ToServer) -> ToServer | None:
        return replace(message, body=replace(message.body, **change)) if isinstance(message.body, Join) else None

    (refused,) = refusals_of(federation, other)
    assert refused.startswith("client 'c1'")
    assert reason in refused
    assert federation.coordinator.store.progress.history[0].contributors == ("c0", "c2")
    assert federation.participants[1].refusals == [refused]


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition())
    for body in (federation.participants[0].join().body, Trained(1.0, 0.0, repeated=False)):
        (answer,) = federation.coordinator.receive(ToServer("", 0, 0, "mallory", body), 0.0)
        assert answer.body == Refused("client 'mallory' is not in the roster")


@pytest.mark.parametrize("secure", [False, True])
def test_duplicates_change_nothing(tmp_path: Path, secure: bool) -> None:
    once = Federation(tmp_path / "once", definition(secure_aggregation=secure))
    expected = once.run().store.progress.state.parameters
    twice = Federation(tmp_path / "twice", definition(secure_aggregation=secure))
    receive = twice.coordinator.receive

    def doubled(message: ToServer, now_s: float) -> list[ToClient]:
        out = receive(message, now_s)
        return out if isinstance(message.body, Join) else out + receive(message, now_s)

    twice.coordinator.receive = doubled  # type: ignore[method-assign]
    twice.run()
    assert any("twice" in refusal or "late" in refusal for refusal in twice.coordinator.refusals)
    np.testing.assert_allclose(twice.coordinator.store.progress.state.parameters, expected, atol=1e-4)


def test_a_message_of_another_round_attempt_or_run_is_late(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=2))
    kept: list[ToServer] = []

    def keep(message: ToServer | ToClient) -> bool:
        if isinstance(message.body, MaskedUpdate):
            kept.append(message)  # type: ignore[arg-type]
        return True

    federation.run(keep)
    coordinator = federation.start()
    for message in (kept[0], replace(kept[0], attempt=7), replace(kept[0], run="other")):
        coordinator.receive(message, 0.0)
    assert all("is late or belongs elsewhere" in refusal for refusal in coordinator.refusals)
    assert len(coordinator.refusals) == 3


def test_a_clock_that_goes_back_ends_no_stage_twice_and_none_too_early(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1))
    out = [answer for each in federation.participants for answer in federation.coordinator.receive(each.join(), 100.0)]
    assert len(out) == 3
    deadline_s = federation.coordinator.deadline_s
    assert deadline_s == 130.0
    assert federation.coordinator.tick(-1e9) == []
    assert federation.coordinator.deadline_s == deadline_s


def test_a_server_that_was_given_another_definition_does_not_continue_the_run(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1))
    federation.run()
    other = Federation(tmp_path / "other", definition(rounds=2))
    with pytest.raises(StateError, match=r"run\.state was begun with another definition"):
        Store(tmp_path / "server", other.terms, np.zeros(LENGTH))


def test_a_damaged_state_is_found(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1))
    path = tmp_path / "server" / "run.state"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"run\.state was changed or damaged"):
        federation.start()


def test_a_server_cannot_lower_the_threshold_of_its_clients(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1))
    (*_, train) = [answer for each in federation.participants for answer in federation.coordinator.receive(each.join(), 0.0)]
    (answer,) = federation.participants[2].receive(replace(train, body=replace(train.body, threshold=0)))
    assert "was told a threshold of 0; the definition gives 2" in answer.body.reason  # type: ignore[union-attr]


def test_a_class_that_a_client_does_not_have_is_no_error(tmp_path: Path) -> None:
    from workloads.federation.definition import Partition

    federation = Federation(tmp_path, definition(partition=Partition(kind="shards", shards_per_client=1), rounds=3))
    assert {len(set(records.y.tolist())) for records in federation.records.values()} == {1}
    assert federation.run().store.progress.history[-1].accuracy > 0.5
