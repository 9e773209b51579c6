from collections.abc import Callable
from typing import Any

import pytest

from simulations.calibration import Calibration, Coefficient, Machine
from workloads.engine.spec import EngineSpec

VALUES: dict[str, float] = {
    "split_s": 0.0002,
    "decode_context_s": 2e-6,
    "prefill_context_s": 5e-7,
    "cold_s": 0.002,
    "cold_left": 0.5,
    "cold_after_s": 0.01,
    "under_load": 1.0,
    "request_s": 0.002,
    "request_token_s": 1e-6,
}
COMPUTE = {1: 0.001, 2: 0.0013, 4: 0.002, 16: 0.008, 64: 0.03, 512: 0.22}


def _calibration(spec: EngineSpec | None = None, compute: dict[int, float] | None = None, **changes: Any) -> Calibration:
    def known(value: float) -> Coefficient:
        return Coefficient(value, "s", "measured", "a test", 3)

    settings = {name: changes.pop(name) for name in list(changes) if name not in VALUES}
    return Calibration(
        name="test",
        date="2026-11-24",
        spec=spec or EngineSpec(),
        machine=Machine("a processor", 2),
        compute_s=tuple((tokens, known(value)) for tokens, value in (compute or COMPUTE).items()),
        **{name: known(value) for name, value in (VALUES | changes).items()},
        **settings,
    )


@pytest.fixture
def calibration() -> Callable[..., Calibration]:
    """Build a calibration; by default one with every term."""
    return _calibration


@pytest.fixture
def plain() -> Callable[..., Calibration]:
    """Build a calibration in which only compute takes time, one second a token, so that times can be counted on fingers."""
    nothing = dict.fromkeys(VALUES, 0.0) | {"cold_after_s": 1.0, "under_load": 1.0}
    return lambda **changes: _calibration(compute={1: 1.0, 2: 2.0}, **(nothing | changes))
