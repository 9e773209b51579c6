"""Quantities of every legal spelling and size; the answers are those of the API server 1.36."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.errors import ConfigurationError
from stacks.graph.quantities import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", 0.5),
        (2.5, 2.5),
        ("1Gi", 2**30),
        ("1536Ki", 1.5 * 2**20),
        ("1e3", 1_000),
        ("1E3", 1_000),
        ("1E", 1e18),
        ("2E-3", 0.002),
        ("1e+2", 100),
        (".5", 0.5),
        ("5.", 5),
        ("+4", 4),
        ("-1", -1),
        ("0.1m", 1e-4),
        ("100n", 1e-7),
        ("1e-12", 1e-9),
        ("0.0000000001", 1e-9),
        ("0e1000000", 0),
        ("1e1000000", 2**63 - 1),
        ("9Ei", 2**63 - 1),
        ("-1e1000000", -(2**63 - 1)),
        ("0" * 500 + "7", 7),
        (" 8Gi ", 8 * 2**30),
        ("Gi", 0),
        ("-.m", 0),
        ("e5", 0),
    ],
)
def test_every_legal_quantity_is_read(text: Any, value: float) -> None:
    assert quantity(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "8GB",
        "512MB",
        "four",
        "",
        "..",
        "1..2",
        "1e",
        "1e+",
        "1e99999999999999999999",
        "1 Gi",
        "1mi",
        "1K",
        "0x10",
        "1_000",
        "٣",
        "1e1.5",
        True,
    ],
)
def test_what_is_no_quantity_is_named_with_its_place(text: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Deployment ai/x, memory: .* is not a Kubernetes quantity"):
        quantity(text, "Deployment ai/x, memory")


@given(number=st.integers(0, 10**9), power=st.integers(-6, 6))
def test_an_exponent_moves_the_point(number: int, power: int) -> None:
    assert quantity(f"{number}e{power}") == pytest.approx(max(number * 10.0**power, 1e-9 if number else 0.0), rel=1e-9)


@given(st.text(alphabet="0123456789.+-eEinumkKMGTP", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        amount = quantity(text)
    except ConfigurationError:
        return
    assert abs(amount) <= 2**63
