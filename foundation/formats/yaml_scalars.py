"""Plain scalars of YAML as Kubernetes reads them.

kubectl and the API server read YAML with sigs.k8s.io/yaml, which is go-yaml v2 (``resolve.go``): YAML 1.1 with ``y`` and ``on`` as booleans
and ``0644`` as an octal number, but without base 60 (``22:30`` is a string) and the value key (``=`` is a string, too). A date becomes a
string. ``tests/e2e/test_kubectl.py`` compares this file with kubectl.
"""

from __future__ import annotations

import math
import re
from typing import Final

MERGE: Final = "<<"

_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_BEGINS_A_NUMBER: Final = frozenset("0123456789+-")
_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES: Final = (16, 2, 8, 10)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FLOAT_WITHOUT_ZERO: Final = re.compile(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # int64, and uint64 for larger values


def scalar(text: str) -> bool | int | float | str | None:
    """Return the value of a plain scalar.

    >>> scalar("0644"), scalar("22:30"), scalar("1_000"), scalar("on"), scalar("2024-01-01")
    (420, '22:30', 1000, True, '2024-01-01')
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        return _finite(text) if _FLOAT_WITHOUT_ZERO.fullmatch(text) else text
    if text[0] not in _BEGINS_A_NUMBER:
        return text
    plain = text.replace("_", "")
    if match := _INTEGER.fullmatch(plain):
        sign, *digits = match.groups()
        value = next(int(f"{sign}{part}", base) for part, base in zip(digits, _BASES, strict=True) if part)
        if _SMALLEST <= value <= _LARGEST:
            return value
    return _finite(plain, text) if _FLOAT.fullmatch(plain) else text


def _finite(plain: str, text: str = "") -> float | str:
    """Return the number; the text if it exceeds a 64-bit float."""
    value = float(plain)
    return value if math.isfinite(value) else text or plain
