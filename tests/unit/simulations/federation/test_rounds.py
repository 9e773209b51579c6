"""Rounds on simulated time: cores are shared, deadlines end stages, and a client that is killed comes back."""

from __future__ import annotations

import pytest

from simulations.errors import CalibrationError
from simulations.federation import Costs, predict_rounds
from simulations.federation.costs import TRANSPORT_MS
from workloads.federation.definition import Definition, Privacy

NOT_PRIVATE = Privacy(unit="none")
TRAIN_MS = 500.0
COSTS = Costs({"Train": TRAIN_MS, "PeerShares": TRAIN_MS}, {}, 2.0, 1000.0, (0.0,), (0.9,))
PLAIN = Definition(rounds=3, secure_aggregation=False, privacy=NOT_PRIVATE, deadline_s=5.0)
MESSAGE_S = TRANSPORT_MS / 1000


def test_with_a_core_for_each_client_a_round_is_one_training_and_its_messages() -> None:
    rounds = predict_rounds(PLAIN, 3, COSTS, cores=3)
    assert [each.contributors for each in rounds] == [3, 3, 3]
    assert rounds[0].duration_s == pytest.approx(TRAIN_MS / 1000 + 2 * MESSAGE_S)


def test_with_one_core_the_clients_train_in_turn() -> None:
    (first, *_) = predict_rounds(PLAIN, 3, COSTS, cores=1)
    assert first.duration_s == pytest.approx(3 * (TRAIN_MS / 1000 + 2 * MESSAGE_S))


def test_secure_aggregation_takes_five_exchanges() -> None:
    free = Costs({}, {}, 0.0, 0.0, (0.0,), (0.0,))
    secure = predict_rounds(Definition(rounds=1, privacy=NOT_PRIVATE), 3, free, cores=64)
    plain = predict_rounds(PLAIN, 3, free, cores=64)
    assert secure[0].duration_s == pytest.approx(5 * plain[0].duration_s)


def test_a_killed_client_is_missed_until_it_joins_again() -> None:
    rounds = predict_rounds(PLAIN, 3, COSTS, cores=8, kills_s=(0.1,))
    assert [each.contributors for each in rounds] == [2, 3, 3]
    assert rounds[0].duration_s == pytest.approx(0.1 + COSTS.startup_s)  # its join ends the wait


def test_a_client_that_is_killed_after_its_update_is_in_the_model_and_waited_for() -> None:
    slow = Costs({"PeerShares": 100.0, "Survivors": 100.0}, {}, 2.0, 0.0, (0.0,), (0.0,))
    definition = Definition(rounds=2, privacy=NOT_PRIVATE, deadline_s=5.0)
    first, second = predict_rounds(definition, 3, slow, cores=8, kills_s=(0.15,))  # between its masked update and its consent
    assert [first.contributors, second.contributors] == [3, 3]
    assert first.duration_s > slow.startup_s + 0.15
    assert second.duration_s < 1
    down, _ = predict_rounds(definition.model_copy(update={"deadline_s": 1.0}), 3, slow, cores=8, kills_s=(0.15,))
    assert down.contributors == 3
    assert 1 < down.duration_s < 2  # the deadline of the stage, and the two that follow without it


def test_a_deadline_ends_the_wait_for_a_client_that_starts_slowly() -> None:
    slow = Costs(COSTS.client_ms, {}, 60.0, 0.0, (0.0,), (0.0,))
    rounds = predict_rounds(PLAIN, 3, slow, cores=8, kills_s=(0.1,))
    assert [each.contributors for each in rounds] == [2, 2, 2]
    assert rounds[0].duration_s == pytest.approx(PLAIN.deadline_s)
    assert rounds[1].duration_s < 1


def test_below_the_quorum_the_round_waits_and_begins_anew() -> None:
    definition = Definition(rounds=2, privacy=NOT_PRIVATE, deadline_s=1.0)
    rounds = predict_rounds(definition, 3, COSTS, cores=8, kills_s=(0.05, 0.06))
    assert [each.contributors for each in rounds] == [2, 3]
    assert rounds[0].duration_s > COSTS.startup_s


def test_the_same_run_gives_the_same_rounds() -> None:
    assert predict_rounds(PLAIN, 5, COSTS, cores=2, kills_s=(0.3,)) == predict_rounds(PLAIN, 5, COSTS, cores=2, kills_s=(0.3,))


def test_a_report_without_rounds_gives_no_costs() -> None:
    with pytest.raises(CalibrationError, match="gave no costs"):
        Costs.from_report({"rounds": [], "client_ms": {}, "server_ms": {}, "startup_s": 1})
