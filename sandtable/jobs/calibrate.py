"""The coefficients of an engine's speed, with their errors on what they were fitted to and on what they were not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandtable.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from foundation.measures.outcome import RequestRecord
    from sandtable.terminal import Steps
    from simulations.provenance import NamedCoefficient
    from workloads.engine.spec import EngineSpec

#: Share of a recorded run, in order of arrival, that the coefficients are fitted to.
FITTED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Compared:
    """A latency in milliseconds, ``ttft p50``, of the same ``n`` requests."""

    name: str
    predicted: float
    measured: float
    n: int

    @property
    def error(self) -> float:
        """Predicted over measured, minus one."""
        return self.predicted / self.measured - 1


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was fitted, and how well it holds: on its own data, and held out.

    ``median_error`` and ``largest_error`` are those of the isolated experiments with an engine; None for a recorded run.
    ``doubt`` is why a prediction from these coefficients would not count, None if it would.
    """

    subject: str
    coefficients: tuple[NamedCoefficient, ...]
    in_sample: tuple[Compared, ...]
    held_out: tuple[Compared, ...]
    median_error: float | None = None
    largest_error: float | None = None
    doubt: str | None = None


def of_engine(url: str, spec: EngineSpec, kept_in: Path | None, steps: Steps) -> Calibrated:
    """Calibrate the idle engine at ``url``, which was started with ``spec``: experiments, a load to fit, and one that it has not seen.

    Raises:
        CalibrationError: the engine is unreachable, rejects a request, or the file ``kept_in`` cannot be written.
    """
    from simulations.calibration import calibrate, unseen_load

    with steps.step("calibrate") as step:
        found = calibrate(url, spec, on_progress=step.update)
        step.note(found.summary())
    if kept_in:
        found.save(kept_in)
    with steps.step("unseen load") as step:
        predicted, measured = unseen_load(url, found, on_progress=step.update)
        if not measured:
            step.skip("the engine is too slow for a mixed load")
    fit = found.fit
    return Calibrated(
        url,
        tuple(found.provenance()),
        (),
        _compared(predicted, measured),
        median_error=fit.median_error if fit else None,
        largest_error=fit.largest_error if fit else None,
        doubt=found.doubt(),
    )


def of_recorded_run(file: Path, gpu: str, model: str, *, sequences: int, blocks: int | None, group: int, steps: Steps) -> Calibrated:
    """Fit the first half of a run that was recorded on ``group`` GPUs; the other half is held out.

    Args:
        file: the recorded requests.
        gpu: a row of the table of GPUs.
        model: a row of the table of models.
        sequences: that the engine decodes together at most.
        blocks: key-value blocks of the engine; None: as many as its memory has room for.
        group: GPUs that share each layer.
        steps: shows progress.

    Raises:
        UsageError: the run is too short to be halved.
        CalibrationError: the file is no recorded run, or a GPU or model is not in the tables.
        TwinError: the weights do not fit.
    """
    from simulations.hardware import gpu as card_of
    from simulations.hardware import model as decoder_of
    from simulations.provenance import Coefficient, NamedCoefficient
    from simulations.serving.paged import Limits
    from simulations.serving.paged.limits import blocks_in
    from simulations.serving.replay import Setup, fit, read_recorded
    from simulations.serving.roofline import kernels_of

    card = card_of(gpu)
    decoder = decoder_of(model)
    requests, measured = read_recorded(file)
    half = round(FITTED_SHARE * len(requests))
    if half < FEWEST:
        raise UsageError(f"{file} has {len(requests)} requests; {2 * FEWEST} are needed, half of them to fit")
    context = max(request.prompt_tokens + request.output_tokens for request in requests)
    setup = Setup(Limits(blocks or blocks_in(card, decoder, group=group), sequences, context), card, decoder, kernels_of(gpu), group)
    with steps.step("fit") as step:
        fitted = fit(setup, requests, measured, half)
        step.note(f"{half} of {len(requests)} requests")
    replayed = setup.replay(requests, fitted)
    source = f"the first {half} requests of {file.name}"
    return Calibrated(
        f"{file.name}: {decoder.name} on {group} x {card.name}",
        (
            NamedCoefficient("step_s", Coefficient(fitted.step_s, "s/step", "measured", source, half)),
            NamedCoefficient("mixed_keys", Coefficient(fitted.mixed_keys, "ratio", "measured", source, half)),
        ),
        _compared(replayed[:half], measured[:half]),
        _compared(replayed[half:], measured[half:]),
    )


#: Requests below which a quantile of them says nothing.
FEWEST = 20


def _compared(predicted: Sequence[RequestRecord], measured: Sequence[RequestRecord]) -> tuple[Compared, ...]:
    from simulations.serving.replay import summary

    if not measured:
        return ()
    ours, theirs = summary(predicted), summary(measured)
    return tuple(Compared(name, ours[name], value, len(measured)) for name, value in theirs.items())
