"""An engine whose steps take longer serves later, by as much at the most."""

from __future__ import annotations

import pytest

from foundation.measures.outcome import RequestRecord
from simulations.calibration import published
from simulations.kernel import Loop
from simulations.serving.port import EngineRequest, Speed
from workloads.engine.spec import EngineSpec


def end_to_end_ms(speed: Speed) -> float:
    loop, ended = Loop(), list[RequestRecord]()
    engine = speed.engines(EngineSpec())("e", loop, on_end=lambda _, record: ended.append(record), timeout_s=60)
    engine.offer(EngineRequest(0, 0.0, 400, 100))
    loop.run()
    return ended[0].e2e_ms


def test_a_slower_gpu_serves_later_and_the_paces_multiply() -> None:
    gpu = published("H100")
    alone, slower = end_to_end_ms(gpu), end_to_end_ms(gpu.paced(1.5, "a test"))
    assert 1.2 < slower / alone <= 1.5  # launches and the host keep their time
    assert gpu.paced(1.5, "a test").paced(2.0, "a test") == gpu.paced(3.0, "a test")
    assert end_to_end_ms(gpu.paced(1.0, "a test")) == pytest.approx(alone)
