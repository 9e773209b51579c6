"""The twin's prediction for the load that is about to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.jobs.gateway.running import straight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandtable.jobs.engines.trial import Setting
    from simulations.bands import Band
    from simulations.deployed import DeployedEngines
    from simulations.gateway import GatewayModel
    from simulations.serving import Speed
    from simulations.twin import Prediction
    from stacks.traffic import PlannedRequest


def predict(
    engines: DeployedEngines,
    calibration: Speed,
    setting: Setting,
    *,
    gateway: GatewayModel | None = None,
) -> Prediction:
    """Predict, as a step, how ``engines`` at the speed of ``calibration`` serve the load of ``setting``, behind a ``gateway`` if any."""
    with setting.steps.step("predict") as step:
        prediction = simulate(engines, calibration, setting, gateway=gateway)
        outcome, replicas, planned = prediction.outcome, len(engines.replicas), len(setting.requests)
        middle = f"p50 of ttft {outcome.ttft_ms.p50:.0f} ms, e2e {outcome.e2e_ms.p50:.0f} ms"
        step.note(f"{planned} requests on {replicas} engine{'s' * (replicas != 1)}{' behind the gateway' if gateway else ''}: {middle}")
    return prediction


def prediction_bands(
    engines: DeployedEngines, calibration: Speed, setting: Setting, *, gateway: GatewayModel | None = None
) -> dict[str, Band]:
    """Return how far the prediction of the load of ``setting`` may be off, by figure."""
    from simulations.bands import bands
    from simulations.twin import Twin
    from stacks.traffic import plan

    traffic = setting.environment.traffic
    routed = any(request.route for request in setting.requests)

    def other_plan(seed: int) -> Sequence[PlannedRequest]:
        drawn = plan(traffic, seed=seed)
        return drawn if routed else straight(drawn)

    varied = other_plan if traffic.trace is None else None
    return bands(Twin.of(engines, calibration, gateway), setting.requests, seed=setting.seed, other_plan=varied)


def simulate(
    engines: DeployedEngines,
    calibration: Speed,
    setting: Setting,
    *,
    gateway: GatewayModel | None = None,
) -> Prediction:
    """Do the same without a step line."""
    from simulations.twin import Twin

    horizon_s = setting.environment.traffic.horizon_s
    return Twin.of(engines, calibration, gateway).run(setting.requests, seed=setting.seed, horizon_s=horizon_s)
