"""Whole federations in one process: they learn, they survive who drops out, and they say why they stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.workloads.federation.federations import NOT_PRIVATE, Federation, definition
from workloads.federation.compliance.journal import events
from workloads.federation.definition import Privacy, Strategy, StrategyName
from workloads.federation.rounds.in_process import run
from workloads.federation.rounds.messages import Finished, ToClient, ToServer
from workloads.federation.rounds.participant import Participant
from workloads.federation.secure_aggregation.messages import Consent, MaskedUpdate, SealedShares

RECORD = Privacy(unit="record", epsilon=8.0, accountant="rdp")


@pytest.mark.parametrize("name", ["fedavg", "fedprox", "fedadam", "scaffold"])
def test_a_secure_sum_gives_the_model_of_single_updates(tmp_path: Path, name: StrategyName) -> None:
    plain, secure = (
        Federation(tmp_path / str(hidden), definition(strategy=Strategy(name=name), secure_aggregation=hidden)).run()
        for hidden in (False, True)
    )
    assert secure.finished == "all 3 rounds are done"
    assert secure.store.progress.history[-1].accuracy > 0.8
    np.testing.assert_allclose(secure.store.progress.state.parameters, plain.store.progress.state.parameters, atol=3e-4)
    assert not secure.refusals + plain.refusals


def test_record_level_privacy_spends_the_budget_over_all_rounds_and_no_more(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(privacy=RECORD))
    history = federation.run().store.progress.history
    spent = [each.epsilon for each in history]
    assert spent == sorted(spent)
    assert 7.9 < spent[-1] <= 8
    for participant in federation.participants:
        assert participant.site.ledger is not None
        assert len(participant.site.ledger.entries) == len(history)


def test_client_level_privacy_is_paid_by_the_server_before_a_sum_is_unmasked(tmp_path: Path) -> None:
    privacy = Privacy(unit="client", epsilon=8.0)
    coordinator = Federation(tmp_path, definition(privacy=privacy, update_norm=1.0), clients=4).run()
    assert coordinator.store.ledger is not None
    assert len(coordinator.store.ledger.entries) == 3
    assert coordinator.store.progress.history[-1].epsilon == pytest.approx(8, abs=0.01)
    logged = [entry for entry in events(tmp_path / "server" / "audit.jsonl") if entry["event"] == "epsilon spent"]
    assert [entry["fields"]["epsilon"] for entry in logged] == [entry.epsilon for entry in coordinator.store.ledger.entries]


def test_a_budget_that_is_spent_stops_the_run_and_says_so(tmp_path: Path) -> None:
    privacy = Privacy(unit="client", epsilon=8.0, noise_multiplier=0.9)
    coordinator = Federation(tmp_path, definition(privacy=privacy, rounds=5), clients=4).run()
    assert 0 < len(coordinator.store.progress.history) < 5
    assert coordinator.finished is not None
    assert "nothing was released" in coordinator.finished
    assert coordinator.store.ledger is not None
    assert coordinator.store.ledger.spent.epsilon <= 8


def test_clients_whose_budgets_are_spent_decline_and_the_run_names_them(tmp_path: Path) -> None:
    privacy = Privacy(unit="record", epsilon=3.0, noise_multiplier=1.5, accountant="rdp")
    coordinator = Federation(tmp_path, definition(privacy=privacy, rounds=50)).run()
    assert coordinator.finished is not None
    assert "client 'c0' declined" in coordinator.finished
    assert "the budget is 3" in coordinator.finished
    assert all(each.epsilon <= 3 for each in coordinator.store.progress.history)


@pytest.mark.parametrize("lost", [SealedShares, MaskedUpdate, Consent])
def test_a_client_that_drops_out_does_not_stop_a_round(tmp_path: Path, lost: type) -> None:
    federation = Federation(tmp_path, definition(rounds=2))

    def loses_a_message_of_the_first_round(message: ToServer | ToClient) -> bool:
        return not (isinstance(message.body, lost) and message.number == 1 and isinstance(message, ToServer) and message.sender == "c2")

    history = federation.run(loses_a_message_of_the_first_round).store.progress.history
    # After its masked update a client may go: the others remove its masks.
    assert history[0].contributors == (("c0", "c1", "c2") if lost is Consent else ("c0", "c1"))
    assert history[0].duration_s >= federation.definition.deadline_s
    assert len(history) == 2


def test_a_client_that_is_gone_costs_one_deadline_and_no_more(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=4))
    history = federation.run(
        lambda message: not (isinstance(message, ToServer) and message.sender == "c2" and message.number)
    ).store.progress.history
    assert [each.duration_s for each in history] == [federation.definition.deadline_s, 0, 0, 0]


def test_the_lost_update_of_one_client_is_missing_from_the_sum_and_nothing_else(tmp_path: Path) -> None:
    federation = Federation(tmp_path / "all", definition(rounds=1))
    federation.run(lambda message: not (isinstance(message.body, MaskedUpdate) and message.body.sender == "c2"))
    never = Federation(tmp_path / "plain", definition(rounds=1, secure_aggregation=False))
    never.run(lambda message: not (isinstance(message, ToServer) and message.sender == "c2" and message.number == 1))
    np.testing.assert_allclose(
        federation.coordinator.store.progress.state.parameters, never.coordinator.store.progress.state.parameters, atol=3e-4
    )


def test_too_few_clients_wait_and_go_on_when_another_comes(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1), clients=4)
    run(federation.coordinator, federation.participants[:2])
    assert federation.coordinator.finished is None
    assert federation.coordinator.stage == "clients"
    run(federation.coordinator, federation.participants[:3])
    assert federation.coordinator.finished
    assert federation.coordinator.store.progress.history[0].contributors == ("c0", "c1", "c2")


def test_a_round_that_keeps_failing_ends_the_run(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1))
    coordinator = federation.run(lambda message: not isinstance(message.body, MaskedUpdate) or message.body.sender == "c0")
    assert coordinator.finished is None  # the silent ones are waited for
    assert coordinator.stage == "clients"
    failed = [entry for entry in events(tmp_path / "server" / "audit.jsonl") if entry["event"] == "attempt failed"]
    assert "1 of 3 clients are left in the phase updates" in failed[0]["fields"]["reason"]


def test_a_share_of_the_clients_takes_part_and_all_in_time(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=12, sample_share=0.5, secure_aggregation=False), clients=6)
    history = federation.run().store.progress.history
    assert {len(each.contributors) for each in history} == {3}
    assert {name for each in history for name in each.contributors} == set(federation.records)


@pytest.mark.parametrize("hidden", [False, True])
def test_clients_that_join_twice_before_they_have_sent_anything_are_sent_the_model_again(tmp_path: Path, hidden: bool) -> None:
    federation = Federation(tmp_path, definition(rounds=1, secure_aggregation=hidden))
    for participant in federation.participants:
        federation.coordinator.receive(participant.join(), 0.0)
    history = federation.run().store.progress.history
    assert [(each.attempts, each.contributors) for each in history] == [(1, ("c0", "c1", "c2"))]


def test_a_client_that_comes_back_without_its_keys_is_left_out_of_the_attempt(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1))
    messages = [federation.coordinator.receive(participant.join(), 0.0) for participant in federation.participants][-1]
    for message, participant in zip(messages, federation.participants, strict=True):
        for answer in participant.receive(message):
            federation.coordinator.receive(answer, 0.0)
    assert federation.coordinator.receive(federation.participants[2].join(), 0.0) == []


def test_a_client_that_comes_back_after_the_end_is_told(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1))
    coordinator = federation.run()
    late: Participant = federation.participant("c1")
    (answer,) = coordinator.receive(late.join(), 0.0)
    assert isinstance(answer.body, Finished)
    late.receive(answer)
    assert late.finished == "all 1 rounds are done"


def test_no_rounds_without_privacy_claim_an_epsilon(tmp_path: Path) -> None:
    assert NOT_PRIVATE.unit == "none"
    assert Federation(tmp_path, definition(rounds=1)).run().store.progress.history[0].epsilon == 0
