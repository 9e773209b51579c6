"""JSON to and from bytes, with msgspec if it is installed (gateway, emulator), else with the standard library.

Both reject what RFC 8259 rejects, so that a test against one holds for the other: no NaN, no infinities, no lone surrogates.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

try:
    import msgspec
except ImportError:  # not a dependency of the core
    msgspec = None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _plain_decode(data: bytes | str) -> Any:
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    value = json.loads(text, parse_constant=_no_constant)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate fails here, as a UnicodeEncodeError
    return value


def _plain_encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


_decode: Callable[[bytes | str], Any] = _plain_decode if msgspec is None else msgspec.json.decode
_encode: Callable[[Any], bytes] = _plain_encode if msgspec is None else msgspec.json.encode


def decode(data: bytes | str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON, not UTF-8, or nested so deeply that reading it would exhaust the stack.
    """
    try:
        return _decode(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def encode(value: Any) -> bytes:
    """Return ``value`` as compact UTF-8 JSON.

    Raises:
        ValueError: ``value`` cannot be represented in JSON.
    """
    try:
        return _encode(value)
    except (OverflowError, ValueError):
        return _plain_encode(value)  # msgspec writes integers of 64 bits at most
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def encode_text(value: Any) -> str:
    """Return ``value`` as compact JSON text."""
    return encode(value).decode()
