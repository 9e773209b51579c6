"""Bounds that need no simulation: never above what a simulation of the same requests shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.measures.outcome import RequestRecord
from simulations.calibration import Calibration, published
from simulations.kernel import Loop, Order
from simulations.serving import EngineRequest
from simulations.serving.port import Work
from workloads.engine.spec import EngineSpec

LENGTHS = st.tuples(st.integers(1, 3000), st.integers(1, 200))


def served(requests: list[tuple[int, int]], spec: EngineSpec, gpu: str, group: int) -> tuple[float, list[RequestRecord]]:
    """Serve all at once on one engine; return how long it computes."""
    loop, records = Loop(), dict[int, RequestRecord]()
    make = published(gpu).engines(spec, group=group)
    engine = make("engine", loop, on_end=lambda request, record: records.__setitem__(request.index, record), timeout_s=1e9)
    for index, (prompt, output) in enumerate(requests):
        loop.at(0.0, partial(engine.offer, EngineRequest(index, 0.0, prompt, output)), Order.ARRIVAL)
    loop.run()
    return engine.busy_s, [records[index] for index in range(len(requests))]  # type: ignore[attr-defined]


@settings(max_examples=25, deadline=None)
@given(st.lists(LENGTHS, min_size=1, max_size=30), st.sampled_from([1, 4, 64]), st.sampled_from(["H100", "L4"]), st.sampled_from([1, 2]))
def test_no_simulation_is_faster_than_the_bounds(requests: list[tuple[int, int]], slots: int, gpu: str, group: int) -> None:
    spec = EngineSpec(slots=slots, context_tokens=4096)
    bounds = published(gpu).bounds(spec, group=group)
    busy_s, records = served(requests, spec, gpu, group)
    assert bounds.busy_share(Work(requests, over_s=1.0)) <= busy_s * (1 + 1e-9)
    for record in records:
        first_s, last_s = bounds.alone_s(record.prompt_tokens, record.output_tokens)
        assert record.ttft_ms is not None
        assert first_s * 1e3 <= record.ttft_ms * (1 + 1e-9)
        assert last_s * 1e3 <= record.e2e_ms * (1 + 1e-9)


def test_the_bound_of_full_batches_is_close() -> None:
    requests = [(200, 100)] * 256
    spec = EngineSpec(slots=64, context_tokens=1024)
    busy_s, _ = served(requests, spec, "H100", 1)
    assert 0.75 * busy_s < published("H100").bounds(spec).busy_share(Work(requests, over_s=1.0)) < busy_s


def test_engines_on_processors_have_no_bounds(calibration: Callable[..., Calibration]) -> None:
    assert calibration().bounds(EngineSpec()) is None
