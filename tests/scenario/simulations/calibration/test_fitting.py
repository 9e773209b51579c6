"""Coefficients that are known are found again from the times that they give."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from simulations.calibration import Calibration
from simulations.calibration.experiments import EngineStep, Observation, Prefill, design
from simulations.calibration.fitting import fit_requests, fit_steps
from simulations.serving.micro_batches import Row
from simulations.serving.step_times import StepTimes
from workloads.engine.spec import EngineSpec

Build = Callable[..., Calibration]


def observe(truth: Calibration, spec: EngineSpec, *, noise: float = 0.0, repeats: int = 3) -> list[list[Observation]]:
    """Return what the experiments would see of an engine that is exactly as ``truth`` says."""
    times, dice = StepTimes(truth), Random(1)

    def noisy(seconds: float) -> float:
        return seconds * (1 + noise * dice.uniform(-1, 1))

    def once(experiment: object) -> Observation:
        if not isinstance(experiment, Prefill):
            rows = tuple(Row(slot, 1, experiment.context + 16) for slot in experiment.slots)  # type: ignore[attr-defined]
            return Observation((EngineStep(rows, noisy(times.step(rows, 0.0)[0])),))
        prompt = (Row(0, experiment.tokens, 0),)
        prompt_s, coldness = times.step(prompt, 0.0)
        steps = [EngineStep(prompt, noisy(prompt_s))]
        for n in range(8):
            rows = (Row(0, 1, experiment.tokens + n),)
            seconds, coldness = times.step(rows, coldness)
            steps.append(EngineStep(rows, noisy(seconds), prompt_s, n))
        return Observation(tuple(steps), times.request_s(experiment.tokens))

    return [[once(experiment) for _ in range(repeats)] for experiment in design(spec, prompt_token_s=6e-4)]


def test_tokens_that_a_busy_client_reads_at_once_have_no_gap_and_break_nothing(calibration: Build) -> None:
    spec = EngineSpec()
    observations = observe(calibration(spec), spec)

    def at_once(seen: Observation) -> Observation:
        return replace(seen, steps=tuple(step if step.prompt_s is None else replace(step, seconds=0.0) for step in seen.steps))

    costs = fit_steps([[at_once(seen) for seen in repeats] for repeats in observations], "a test")
    assert all(0 <= coefficient.value < 1 for _, coefficient in costs.compute_s)


@pytest.mark.parametrize(("noise", "within"), [(0.0, 1e-6), (0.03, 0.06)])
def test_steps_are_predicted_as_they_were_made(calibration: Build, noise: float, within: float) -> None:
    spec = EngineSpec()
    truth = calibration(spec, compute={1: 0.001, 2: 0.0013, 3: 0.0017, 4: 0.002, 16: 0.008, 64: 0.03, 512: 0.22})
    observations = observe(truth, spec, noise=noise)
    costs = fit_steps(observations, "a test")
    request_s, request_token_s = fit_requests(observations, "a test")
    names = ("split_s", "compute_s", "decode_context_s", "prefill_context_s", "cold_s", "cold_left", "cold_after_s")
    fitted = replace(truth, request_s=request_s, request_token_s=request_token_s, **{name: getattr(costs, name) for name in names})
    seen, made = StepTimes(fitted), StepTimes(truth)
    # Batches that no experiment had.
    for batch in ([Row(0, 1, 200), Row(1, 1, 20)], [Row(1, 1, 90), Row(0, 130, 0)], [Row(3, 300, 0)], [Row(n, 1, 70) for n in (0, 1, 3)]):
        for coldness in (0.0, 0.8):
            assert seen.step(batch, coldness) == pytest.approx(made.step(batch, coldness), rel=within, abs=within)
    assert seen.request_s(100) == pytest.approx(made.request_s(100), rel=1e-6)
    assert costs.fit.median_error <= max(noise, 1e-9)
    assert all(coefficient.provenance == "measured" for _, coefficient in costs.compute_s)


def test_a_disturbance_of_most_rounds_leaves_the_costs_as_they_are(calibration: Build) -> None:
    """Some seconds in which everything takes half as long again, and one experiment twice as long."""
    observations = observe(calibration(), EngineSpec())
    for number, group in enumerate(observations):
        for repeat in (0, 2):
            slower = 2.0 if number == 3 else 1.5
            steps = group[repeat].steps
            group[repeat] = replace(group[repeat], steps=tuple(replace(step, seconds=step.seconds * slower) for step in steps))
    quiet = fit_steps(observe(calibration(), EngineSpec()), "a test")
    for (tokens, found), (_, expected) in zip(fit_steps(observations, "a test").compute_s, quiet.compute_s, strict=True):
        assert found.value == pytest.approx(expected.value, rel=0.05), tokens


def test_some_disturbed_gaps_do_not_matter(calibration: Build) -> None:
    """Two tokens that are read at once look as if there had been no time between them."""
    observations = observe(calibration(), EngineSpec())
    for group in observations[-4:]:
        for number, observation in enumerate(group):
            steps = list(observation.steps)
            if len(steps) > 5:
                steps[4] = replace(steps[4], seconds=1e-5)
                steps[5] = replace(steps[5], seconds=0.02)
            group[number] = replace(observation, steps=tuple(steps))
    costs = fit_steps(observations, "a test")
    assert costs.compute_s[0][1].value == pytest.approx(0.001, rel=0.05)


@pytest.mark.parametrize("spec", [EngineSpec(slots=1, context_tokens=32), EngineSpec(slots=2, context_tokens=2048), EngineSpec(slots=24)])
def test_engines_of_any_size_can_be_measured(calibration: Build, spec: EngineSpec) -> None:
    costs = fit_steps(observe(calibration(spec), spec), "a test")
    tokens = [size for size, _ in costs.compute_s]
    assert tokens[0] == 1
    assert spec.slots in tokens or spec.slots == 1
    times = StepTimes(calibration(spec))
    fitted = dict(costs.compute_s)
    if spec.slots > 1:
        assert fitted[spec.slots].value == pytest.approx(times.compute_s(spec.slots), rel=0.02)


def test_all_experiments_fit_the_context_and_the_slots() -> None:
    for spec in (EngineSpec(slots=1, context_tokens=4), EngineSpec(slots=3, context_tokens=64), EngineSpec(slots=64, context_tokens=512)):
        experiments = design(spec, prompt_token_s=6e-4)
        assert any(isinstance(experiment, Prefill) for experiment in experiments)
        for experiment in experiments:
            if isinstance(experiment, Prefill):
                assert 1 <= experiment.tokens < spec.context_tokens
            else:
                assert max(experiment.slots) < spec.slots
                assert experiment.context + 2 <= spec.context_tokens


def test_a_slow_engine_gets_shorter_prompts() -> None:
    fast, slow = (design(EngineSpec(), prompt_token_s=seconds) for seconds in (6e-4, 0.05))
    assert max(e.tokens for e in fast if isinstance(e, Prefill)) == 768
    assert max(e.tokens for e in slow if isinstance(e, Prefill)) == 64
    assert max(len(e.slots) * e.context for e in slow if not isinstance(e, Prefill)) <= 64
