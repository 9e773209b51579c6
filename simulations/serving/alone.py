"""A single simulated engine under a list of requests; calibration compares it with an engine on this machine."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simulations.kernel import Loop, Order
from simulations.serving.engine import SlotEngine
from simulations.serving.port import EngineRequest
from simulations.serving.step_times import StepTimes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from foundation.measures.outcome import RequestRecord
    from simulations.calibration.coefficients import Calibration


def serve_alone(calibration: Calibration, requests: Iterable[EngineRequest]) -> list[RequestRecord]:
    """Return the outcome of each of ``requests``, in order, on an engine calibrated by ``calibration`` whose clients never time out."""
    records: dict[int, RequestRecord] = {}

    def keep(request: EngineRequest, record: RequestRecord) -> None:
        records[request.index] = record

    loop = Loop()
    engine = SlotEngine("alone", calibration.spec, StepTimes(calibration), loop, on_end=keep)
    sent = list(requests)
    for request in sent:
        loop.at(request.at_s, partial(engine.offer, request), Order.ARRIVAL)
    loop.run()
    return [records[request.index] for request in sent]
