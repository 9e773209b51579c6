from random import Random

import pytest

from simulations.calibration import published
from simulations.errors import CalibrationError, TwinError
from simulations.twin import Twin
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

KNOWN = ["A100", "A100-80GB", "H100", "H200", "L4", "L40S", "RTX-4090", "RTX-PRO-6000"]
SPEC = EngineSpec(slots=16, context_tokens=4096)


@pytest.mark.parametrize("model", KNOWN)
def test_nothing_published_is_called_measured_and_everything_has_a_source(model: str) -> None:
    for entry in published(model).provenance():
        assert entry.coefficient.provenance in {"published", "derived", "assumed"}
        assert entry.coefficient.source
        assert entry.coefficient.n == 0


def test_an_unknown_model_names_those_that_are_known() -> None:
    with pytest.raises(CalibrationError, match=f"'H1000'; known: {', '.join(KNOWN)}; did you mean H100"):
        published("H1000")


def test_a_context_that_does_not_fit_beside_the_weights_is_an_error() -> None:
    with pytest.raises(TwinError, match="a request of 131072 tokens needs 8192 blocks and there are 2447"):
        published("L4").engines(EngineSpec(context_tokens=131_072))


def p50(model: str, plan: list[PlannedRequest]) -> dict[str, float]:
    outcome = Twin(("a",), SPEC, published(model)).run(plan, seed=1).outcome
    return {name: getattr(outcome, name).p50 for name in ("ttft_ms", "tpot_ms", "e2e_ms")}


def test_an_8b_model_on_an_h100_alone_takes_what_its_kernels_and_its_host_take() -> None:
    """AISimulate's kernels take 12.0 ms for a prompt of 512 tokens and 6.2 ms a token; the host 1.1 ms a step and 16.4 ms before it."""
    times = p50("H100", [PlannedRequest(0, 0.0, 512, 100)])
    assert times["ttft_ms"] == pytest.approx(12.0 + 1.1 + 16.4, rel=0.03)
    assert times["tpot_ms"] == pytest.approx(6.2 + 1.1, rel=0.03)


def test_faster_gpus_answer_faster() -> None:
    dice, now, plan = Random(1), 0.0, []
    for index in range(100):
        now += dice.expovariate(2.0)
        plan.append(PlannedRequest(index, now, dice.randint(50, 800), dice.randint(10, 100)))
    times = [p50(model, plan)["e2e_ms"] for model in ("H200", "H100", "A100-80GB", "A100", "L40S", "L4")]
    assert times == sorted(times)
