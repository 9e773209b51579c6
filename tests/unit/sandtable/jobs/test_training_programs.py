"""What a rehearsal knows of the training programs: probes, whole phases, figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.formats.changes import parse_changes
from foundation.processes.arguments import ArgumentsError
from foundation.training.phases import Phase, phases_from_json, phases_to_json
from sandtable.jobs.training.programs import PROGRAMS
from sandtable.jobs.training.strikes import Strike, strikes_of
from workloads.compression.spec import CompressionSpec
from workloads.reinforcement.spec import ReinforcementSpec

OUT = Path("/run")


def test_a_probe_is_a_twentieth_of_one_seed() -> None:
    program = PROGRAMS["reinforcement"](ReinforcementSpec("dqn", "CartPole-v1", 100_000, seeds=3).to_args())
    probe = ReinforcementSpec.from_args(program.probe_args(OUT))
    assert (probe.steps, probe.seeds, probe.out, probe.algorithm) == (5_000, 1, "/run", "dqn")
    phases = program.whole([Phase("seed 0", 5_000, 500, work_s=2.0, saving_s=0.5, saves=10, judging_s=1.0)])
    assert [phase.work_s for phase in phases] == [40.0] * 3
    assert phases[0].every_steps == 10_000


def test_a_short_job_is_its_own_probe() -> None:
    program = PROGRAMS["reinforcement"](ReinforcementSpec("ppo", steps=1_000).to_args())
    assert ReinforcementSpec.from_args(program.probe_args(OUT)).steps == 1_000


def test_each_stage_of_a_compression_is_probed_and_judging_is_not_scaled() -> None:
    program = PROGRAMS["compression"](CompressionSpec(steps=1_000).to_args())
    probe = CompressionSpec.from_args(program.probe_args(OUT))
    assert (probe.steps, probe.distil_steps, probe.lora_steps) == (50, 10, 10)
    probed = [
        Phase("train", 50, 100, work_s=5.0), Phase("original", judging_s=3.0), Phase("sensible-2-distil", 10, 50, work_s=2.0),
        Phase("sensible 2 distil", judging_s=3.0), Phase("sensible-3-lora", 10, 50, work_s=1.0),
    ]  # fmt: skip
    assert [(phase.steps, phase.lasting_s) for phase in program.whole(probed)] == [(1_000, 100), (0, 3), (200, 40), (0, 3), (60, 6)]


def test_the_ratio_of_a_compression_is_predicted_and_its_loss_is_not() -> None:
    stage = {"stage": "sensible 4 quantise", "ratio": 4.68, "loss": 0.3}
    ratio, loss = PROGRAMS["compression"](CompressionSpec().to_args()).figures({"stages": [stage]}, {"stages": [stage | {"loss": -0.01}]})
    assert (ratio.predicted, ratio.measured) == (4.68, 4.68)
    assert (loss.predicted, loss.measured) == (None, -0.01)


def test_arguments_that_the_program_does_not_have_are_refused() -> None:
    with pytest.raises(ArgumentsError):
        PROGRAMS["reinforcement"](["train", "--sideways"])


def test_phases_come_back_from_a_report() -> None:
    phases = [Phase("a", 10, 5, 1.0, 0.1, 2, 0.5), Phase("b", judging_s=1.0)]
    assert phases_from_json(phases_to_json(phases)) == phases


def test_kills_and_evictions_are_in_the_order_of_time() -> None:
    faults = parse_changes("training=evict@9s+training=kill@3s+engine=kill@1s")
    assert strikes_of(faults) == [Strike(3.0), Strike(9.0, notice=True)]
