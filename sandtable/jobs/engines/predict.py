"""The twin's prediction for the load that is about to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandtable.terminal import Steps
    from simulations.deployed import DeployedEngines
    from simulations.gateway import GatewayModel
    from simulations.serving import Speed
    from simulations.twin import Prediction
    from stacks.traffic import PlannedRequest


def predict(
    engines: DeployedEngines,
    calibration: Speed,
    requests: Sequence[PlannedRequest],
    seed: int,
    steps: Steps,
    *,
    gateway: GatewayModel | None = None,
) -> Prediction:
    """Predict, as a step, how ``engines`` serve ``requests`` at the speed of ``calibration``, behind ``gateway`` if there is one."""
    with steps.step("predict") as step:
        prediction = simulate(engines, calibration, requests, seed, gateway=gateway)
        outcome, replicas = prediction.outcome, len(engines.replicas)
        middle = f"p50 of ttft {outcome.ttft_ms.p50:.0f} ms, e2e {outcome.e2e_ms.p50:.0f} ms"
        step.note(
            f"{len(requests)} requests on {replicas} engine{'s' * (replicas != 1)}{' behind the gateway' if gateway else ''}: {middle}"
        )
    return prediction


def simulate(
    engines: DeployedEngines,
    calibration: Speed,
    requests: Sequence[PlannedRequest],
    seed: int,
    *,
    gateway: GatewayModel | None = None,
) -> Prediction:
    """Do the same without a step line."""
    from simulations.twin import Twin

    return Twin.of(engines, calibration, gateway).run(requests, seed=seed)
