"""A load test of engines: the measurement, and what happened to the engines meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from foundation.measures.validity import engine_disturbances

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtests.measurement import Measurement
    from sandtable.jobs.engines.serving import ServingEngine
    from sandtable.jobs.engines.trial import Setting
    from sandtable.jobs.gateway.running import RunningGateway
    from sandtable.terminal import Steps
    from sandtable.terminal.progress.steps import Step


def measure_openly(setting: Setting, engines: Sequence[ServingEngine], *, gateway: RunningGateway | None = None) -> Measurement:
    """Send the load of ``setting`` to ``engines``, through ``gateway`` if there is one, at its intended times; return what was seen.

    Raises:
        LoadTestError: the generator cannot work.
    """
    from loadtests import open_loop

    def send(step: Step) -> Measurement:
        return open_loop.run(
            setting.requests,
            [gateway.url] if gateway else [engine.url for engine in engines],
            api_key=gateway.key if gateway else None,
            tenant_keys=gateway.keys if gateway else None,
            seed=setting.seed,
            texts_seed=setting.texts_seed,
            horizon_s=setting.environment.traffic.horizon_s,
            metrics=[threshold.metric for threshold in setting.environment.thresholds],
            on_progress=lambda done, total: step.update(done, total, "requests"),
        )

    return measure(send, engines, setting.steps)


def measure(send: Callable[[Step], Measurement], engines: Sequence[ServingEngine], steps: Steps) -> Measurement:
    """Run the load test ``send`` as a step; the measurement says why it does not count, if so."""
    with steps.step("load test") as step:
        before_s = _waited_s(engines)
        seen = send(step)
        ends = [engine.exit_reason() for engine in engines if not engine.alive()]
        waited_s, outcome = _waited_s(engines) - before_s, seen.outcome
        step.note(f"{outcome.good} of {outcome.requests} good, {outcome.output_tokens_per_s:.1f} tokens/s")
    disturbances = engine_disturbances(ends, waited_s / max(outcome.duration_s * len(engines), 1e-9))
    return replace(seen, invalid=(*disturbances, *seen.invalid))


def _waited_s(engines: Sequence[ServingEngine]) -> float:
    return sum(engine.waited_s() for engine in engines if engine.alive())
