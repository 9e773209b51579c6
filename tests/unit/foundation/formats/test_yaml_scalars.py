"""Plain scalars as kubectl 1.36 reads them; ``tests/e2e/test_kubectl.py`` asks it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from foundation.formats.yaml_scalars import scalar

READ: list[tuple[str, Any]] = [
    *(
        (text, text)
        for text in ("=", "<<", "22:30", "190:20:30", "1:60", "2024-01-01", "2024-01-01 10:00:00", "2001-12-14t21:59:43.10-05:00")
    ),
    *(
        (text, text)
        for text in ("yEs", "tRUE", "Y_", "_1", "0x", "0o8", "0x1p3", "e3", "1,000", "0.1.2", "1e400", "nan", "Infinity", "+", "-", ".")
    ),
    *((text, text) for text in (".x", "._5", ".5_", ".1__5", "1e", "0b", "0b2", "--1", "x")),
    *((text, True) for text in ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")),
    *((text, False) for text in ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE")),
    *((text, None) for text in ("", "~", "null", "Null", "NULL")),
    *((text, math.inf) for text in (".inf", ".Inf", ".INF", "+.inf")),
    ("-.Inf", -math.inf),
    ("0644", 420),
    ("017", 15),
    ("-017", -15),
    ("0o644", 420),
    ("0x1F", 31),
    ("-0x1F", -31),
    ("0X1F", 31),
    ("0B11", 3),
    ("0O17", 15),
    ("0x_1", 1),
    ("0b11", 3),
    ("0b_1", 1),
    ("08", 8.0),
    ("09.5", 9.5),
    ("1_000", 1000),
    ("1__0", 10),
    ("1_", 1),
    ("+12_3", 123),
    ("685_230.15", 685230.15),
    ("1.5_5", 1.55),
    (".1_5", 0.15),
    (".5", 0.5),
    ("-.5", -0.5),
    ("+.5", 0.5),
    ("5.", 5.0),
    ("0.", 0.0),
    ("1.0", 1.0),
    ("1e3", 1000.0),
    ("1E3", 1000.0),
    ("1.e3", 1000.0),
    ("1e+3", 1000.0),
    ("1e-7", 1e-7),
    ("12e03", 12000.0),
    ("+1", 1),
    ("-0", 0),
    ("9223372036854775807", 2**63 - 1),
    ("9223372036854775808", 2**63),
    ("18446744073709551616", 2.0**64),
    ("-9223372036854775809", -(2.0**63)),
    ("0777777777777777777777", 2**63 - 1),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_a_scalar_is_read_as_kubectl_reads_it(text: str, value: Any) -> None:
    assert (scalar(text), type(scalar(text))) == (value, type(value))


def test_what_is_no_number_is_a_number_of_yaml() -> None:
    assert all(math.isnan(float(str(scalar(text)))) for text in (".nan", ".NaN", ".NAN"))
