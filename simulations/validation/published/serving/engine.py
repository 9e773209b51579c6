"""The twin's engine against a real one: llama.cpp, calibrated while it is half busy, then predicted and measured under loads of its own.

Nothing is fitted to the loads. The calibration's own mixed load is repeated after them, as in a rehearsal: the speed of a shared machine
moves by more than the tolerance within minutes, and the mean of before and after, paced by the yardstick, is that of the time between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from simulations.calibration import Calibration, calibrate, calibrate_again
from simulations.serving.alone import serve_alone
from simulations.serving.port import EngineRequest
from simulations.twin import Twin
from simulations.validation.row import Figure, Row, UnavailableError
from simulations.validation.tolerance import relative
from stacks.environment import Lengths, Traffic
from stacks.traffic import plan
from workloads.engine.spec import EngineSpec

if TYPE_CHECKING:
    from foundation.measures.outcome import Outcome
    from simulations.validation.bench import Bench, BenchEngine
    from stacks.traffic import PlannedRequest

#: Share of the time for which one request at a time would keep the engine busy; the calibration's own load has half.
LOADS: Final = (0.25, 0.6, 0.85)
SECONDS: Final = 30.0
SPEC: Final = EngineSpec(slots=4, context_tokens=1024)
#: Name, layers and width of the models.
SIZES: Final = (("engine", 16, 256), ("engine-second-size", 24, 384))
_PROMPT_TOKENS, _OUTPUT_TOKENS = 60, 80
_PROMPTS: Final = Lengths(mean=_PROMPT_TOKENS, cv=0.6, low=4, high=256)
_OUTPUTS: Final = Lengths(mean=_OUTPUT_TOKENS, cv=0.6, low=4, high=256)
_ATTEMPTS: Final = 3
_MIDDLE, _TAIL = relative(0.10), relative(0.20)


def on_bench(layers: int, width: int) -> Callable[[Bench], Iterator[Figure]]:
    """Return how a model of this shape is measured."""

    def measure(bench: Bench) -> Iterator[Figure]:
        """Yield TTFT, TPOT and E2E, p50 and p95, measured (expected) and predicted (got), for each load."""
        with bench.engine(SPEC, layers=layers, width=width) as engine:
            before = calibrate(engine.url, engine.spec, lap=engine.lap)
            seen: list[tuple[float, list[PlannedRequest], Outcome, float | None]] = []
            for number, share in enumerate(LOADS, start=1):
                requests = load(before, share, seed=number)
                seen.append((share, requests, *_measured(engine, requests, number)))
            between = calibrate_again(engine.url, before, lap=engine.lap)
        if doubt := between.doubt():
            raise UnavailableError(doubt)
        for number, (share, requests, measured, lap_s) in enumerate(seen, start=1):
            predicted = Twin(("engine",), engine.spec, between.at(lap_s)).run(requests, seed=number).outcome
            yield from _figures(f"load {share:g}", predicted, measured)

    return measure


def _measured(engine: BenchEngine, requests: Sequence[PlannedRequest], seed: int) -> tuple[Outcome, float | None]:
    """Send a load and return what was measured, and the yardstick's mean; one that does not count is sent again, whatever it showed."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(UnavailableError):
            return _sent(engine, requests, seed)
    return _sent(engine, requests, seed)


def _sent(engine: BenchEngine, requests: Sequence[PlannedRequest], seed: int) -> tuple[Outcome, float | None]:
    with engine.lap() as lap:
        measured = engine.send(requests, seed=seed)
    return measured, lap.mean_s


def load(calibration: Calibration, share: float, *, seed: int) -> list[PlannedRequest]:
    """Return Poisson arrivals that would keep the engine busy for ``share`` of the time if it served them one by one."""
    alone = EngineRequest(0, 0.0, _PROMPT_TOKENS, _OUTPUT_TOKENS)
    (record,) = serve_alone(calibration, [alone])
    traffic = Traffic(rate_per_s=share / (record.e2e_ms / 1e3), prompt_tokens=_PROMPTS, output_tokens=_OUTPUTS, duration_s=SECONDS)
    return plan(traffic, seed=seed)


def _figures(name: str, predicted: Outcome, measured: Outcome) -> Iterator[Figure]:
    for latency in ("ttft_ms", "tpot_ms", "e2e_ms"):
        found, told = getattr(measured, latency), getattr(predicted, latency)
        for quantile, tolerance in (("p50", _MIDDLE), ("p95", _TAIL)):
            low, high = found.ci95[quantile]
            yield Figure(f"{name}: {quantile} {latency}", getattr(found, quantile), getattr(told, quantile), found.n, low, high, tolerance)


ROWS: Final = tuple(
    Row(
        id=name,
        setup=f"llama.cpp with 4 slots and {layers} layers of width {width} on one core; loads of 25, 60 and 85 %, 30 s each",
        source="measured by this row itself on the machine that runs it; the interval is that of the measured quantile",
        expected="what the load test measures",
        tolerance=_TAIL,
        on_bench=on_bench(layers, width),
        limits="speeds of this machine only; skipped where other programs take the engine's core meanwhile",
    )
    for name, layers, width in SIZES
)
