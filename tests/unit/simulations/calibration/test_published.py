from random import Random

import pytest

from simulations.calibration import published
from simulations.errors import CalibrationError
from simulations.serving import StepTimes
from simulations.serving.micro_batches import Row
from simulations.twin import Twin
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

KNOWN = ["A100", "A100-80GB", "H100", "H200", "L4", "L40S"]


@pytest.mark.parametrize("model", KNOWN)
def test_nothing_published_is_called_measured_and_everything_has_a_source(model: str) -> None:
    for entry in published(model).provenance():
        assert entry.coefficient.provenance in {"published", "derived", "assumed"}
        assert entry.coefficient.source
        assert entry.coefficient.n == 0


def test_an_unknown_model_names_those_that_are_known() -> None:
    with pytest.raises(CalibrationError, match="'H1000'; known: A100, A100-80GB, H100, H200, L4, L40S; did you mean H100"):
        published("H1000")


def test_an_8b_model_on_an_h100_generates_a_token_in_about_seven_milliseconds() -> None:
    """Weights of 16 GB at 85 % of 3.35 TB/s take 5.6 ms, the host 1.15 ms."""
    seconds, _ = StepTimes(published("H100")).step([Row(0, 1, 0)], 0.0)
    assert seconds == pytest.approx(0.0068, abs=0.0002)


def test_faster_gpus_answer_faster() -> None:
    dice, now, plan = Random(1), 0.0, []
    for index in range(100):
        now += dice.expovariate(2.0)
        plan.append(PlannedRequest(index, now, dice.randint(50, 800), dice.randint(10, 100)))

    def p50(model: str) -> float:
        return Twin(("a",), EngineSpec(slots=16, context_tokens=4096), published(model)).run(plan, seed=1).outcome.e2e_ms.p50

    times = [p50(model) for model in ("H200", "H100", "A100-80GB", "A100", "L40S", "L4")]
    assert times == sorted(times)
