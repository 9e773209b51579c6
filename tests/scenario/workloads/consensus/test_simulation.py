"""A handful of seeds of the simulation; ``nox -s simulate_consensus -- --seeds N`` runs more."""

from __future__ import annotations

import pytest

from workloads.consensus.raft.member import Member
from workloads.consensus.simulation import __main__ as command
from workloads.consensus.simulation.invariants import InvariantError
from workloads.consensus.simulation.run import simulate


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_seed_holds(seed: int) -> None:
    run = simulate(seed)
    assert run.events >= 2_000
    assert run.answered > 0


def test_equal_seeds_are_equal_runs() -> None:
    assert simulate(3, events=1_000) == simulate(3, events=1_000)
    assert simulate(3, events=1_000).trace_hash != simulate(4, events=1_000).trace_hash


def test_disks_that_lie_are_noticed() -> None:
    with pytest.raises(InvariantError, match="committed is durable"):
        simulate(1, loses_syncs=True)


def test_a_seed_that_fails_is_printed_as_the_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Member, "_may_commit", lambda _self, _index: True)
    monkeypatch.setattr(Member, "_may_vote", lambda _self, _request: True)
    assert command.main(["--first", "1", "--seeds", "20", "--events", "2000"]) == 1
    first, replay = capsys.readouterr().out.splitlines()[-2:]
    seed = first.split(":")[0].removeprefix("seed ")
    assert replay == f"replay: python -m workloads.consensus.simulation --first {seed} --seeds 1 --events 2000"
    assert command.main(replay.split()[4:]) == 1
    assert capsys.readouterr().out.splitlines()[-2] == first


def test_the_command_sums_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--seeds", "1", "--events", "200"]) == 0
    assert "1 seeds held" in capsys.readouterr().out
