"""Shapes: a mean of one, and an inverse that belongs to the integral."""

from __future__ import annotations

import pytest

from stacks.traffic import SHAPES

STEPS = 5_000


@pytest.mark.parametrize("name", SHAPES)
def test_mean_is_one_and_quantile_inverts_the_integral(name: str) -> None:
    shape = SHAPES[name]
    passed = 0.0
    for step in range(STEPS):
        passed += shape.intensity((step + 0.5) / STEPS) / STEPS
        if step % 397 == 0:
            assert shape.quantile(min(passed, 1.0)) == pytest.approx((step + 1) / STEPS, abs=2e-3)
    assert passed == pytest.approx(1.0, abs=1e-3)
    assert (shape.quantile(0.0), shape.quantile(1.0)) == pytest.approx((0.0, 1.0))


def test_each_shape_is_what_its_name_says() -> None:
    at = {name: [shape.intensity(u) for u in (0.01, 0.5, 0.99)] for name, shape in SHAPES.items()}
    assert at["constant"] == [1, 1, 1]
    assert at["ramp"] == pytest.approx([0.02, 1.0, 1.98])
    assert at["spike"][1] == pytest.approx(5 * at["spike"][0])
    assert at["diurnal"][1] == pytest.approx(1.75)
