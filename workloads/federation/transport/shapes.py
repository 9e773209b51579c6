"""How values become bytes: one shape for each type that a message may have in a field.

Rule 1: canonical. A value has one encoding: numbers have a fixed width, mappings and sets are in ascending order of their encoded keys,
and nothing is optional. What was read is written back to the same bytes.
Rule 2: no length is believed. A count larger than the bytes that are left is refused before anything is allocated.
Rule 3: the type decides what is read. No byte of a message names a type that its field does not already have.

Integers are 64 bits signed and big-endian, floats IEEE 754 binary64 (a NaN passes: it is for the receiver to refuse, who knows whose it
is), texts UTF-8 behind a length of 32 bits, arrays little-endian behind their shape.
"""

from __future__ import annotations

import struct
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from itertools import repeat
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from workloads.federation.errors import FederationError, WireError

_LENGTH: Final = struct.Struct(">I")
_INTEGER: Final = struct.Struct(">q")
_FLOAT: Final = struct.Struct(">d")


class Reader:
    """Takes bytes from the front of a message."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    @property
    def left(self) -> int:
        """How many bytes have not been taken."""
        return len(self._data)

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises:
            WireError: there are fewer.
        """
        if count > len(self._data):
            raise WireError(f"the message is cut short: {count} bytes are missing, and {len(self._data)} are left")
        taken, self._data = bytes(self._data[:count]), self._data[count:]
        return taken

    def length(self) -> int:
        """Return the next length; no element is shorter than a byte.

        Raises:
            WireError: it is larger than what is left.
        """
        count: int = _LENGTH.unpack(self.take(_LENGTH.size))[0]
        if count > len(self._data):
            raise WireError(f"the message announces {count} elements, and {len(self._data)} bytes are left")
        return count


class Shape(Protocol):
    """Writes and reads the values of one type."""

    def write(self, value: Any) -> bytes:
        """Return the value's encoding; raises WireError if it has none."""

    def read(self, reader: Reader) -> Any:
        """Return the next value; raises WireError where there is none."""


@cache
def shape_of(kind: Any) -> Shape:
    """Return the shape of a type as it stands in an annotation.

    Raises:
        TypeError: messages cannot have fields of this type.
    """
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Enumeration(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        return _Record(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is NDArray:  # from numpy 2.5 on, where Python has such aliases (3.12), it is one with a name of its own
        return _Array(*arguments)
    if origin in _GENERIC:
        return _GENERIC[origin](*arguments)
    raise TypeError(f"a message cannot have a field of type {kind}")


class _Packed:
    def __init__(self, form: struct.Struct) -> None:
        self._form = form

    def write(self, value: Any) -> bytes:
        try:
            return self._form.pack(value)
        except struct.error as error:
            raise WireError(f"{value!r} does not fit into {8 * self._form.size} bits") from error

    def read(self, reader: Reader) -> Any:
        return self._form.unpack(reader.take(self._form.size))[0]


class _Truth:
    def write(self, value: bool) -> bytes:
        return bytes([value])

    def read(self, reader: Reader) -> bool:
        byte = reader.take(1)[0]
        if byte > 1:
            raise WireError(f"{byte} stands where 0 or 1 must")
        return bool(byte)


class _Nothing:
    def write(self, value: None) -> bytes:  # noqa: ARG002 - every shape is asked for a value
        return b""

    def read(self, reader: Reader) -> None:
        pass


class _Bytes:
    def write(self, value: bytes) -> bytes:
        return _LENGTH.pack(len(value)) + value

    def read(self, reader: Reader) -> bytes:
        return reader.take(reader.length())


class _Text:
    def write(self, value: str) -> bytes:
        try:
            return _BYTES.write(value.encode())
        except UnicodeEncodeError as error:
            raise WireError(f"{value!r} is not text") from error

    def read(self, reader: Reader) -> str:
        try:
            return _BYTES.read(reader).decode()
        except UnicodeDecodeError as error:
            raise WireError("a text is not UTF-8") from error


class _Enumeration:
    def __init__(self, kind: type[Enum]) -> None:
        self._kind = kind

    def write(self, value: Enum) -> bytes:
        return _TEXT.write(value.name)

    def read(self, reader: Reader) -> Enum:
        name = _TEXT.read(reader)
        if name not in self._kind.__members__:
            raise WireError(f"{name[:40]!r} is no {self._kind.__name__}")
        return self._kind[name]


class _Array:
    def __init__(self, of: Any) -> None:
        kind = np.dtype(of)
        if kind.kind not in "iuf":
            raise TypeError(f"a message cannot have an array of {kind}")
        self._kind, self._wire = kind, kind.newbyteorder("<")

    def write(self, value: NDArray[Any]) -> bytes:
        if value.dtype != self._kind:
            raise WireError(f"an array of {value.dtype} stands where one of {self._kind} must")
        head = bytes([value.ndim]) + b"".join(map(_LENGTH.pack, value.shape))
        return head + value.astype(self._wire, copy=False).tobytes()

    def read(self, reader: Reader) -> NDArray[Any]:
        shape = [_LENGTH.unpack(reader.take(_LENGTH.size))[0] for _ in range(reader.take(1)[0])]
        size = self._wire.itemsize
        for extent in shape:  # a product of Python integers does not wrap
            size *= extent
        try:
            return np.frombuffer(reader.take(size), self._wire).reshape(shape).astype(self._kind)
        except ValueError as error:
            raise WireError(f"no array has the shape {shape}") from error


class _Tuple:
    """Elements of one type behind their number, or one element of each type."""

    def __init__(self, *kinds: Any) -> None:
        self._any_length = kinds[-1] is Ellipsis
        self._elements = [shape_of(kind) for kind in kinds if kind is not Ellipsis]

    def write(self, value: tuple[Any, ...]) -> bytes:
        if self._any_length:
            return _LENGTH.pack(len(value)) + b"".join(map(self._elements[0].write, value))
        return b"".join(shape.write(each) for shape, each in zip(self._elements, value, strict=True))

    def read(self, reader: Reader) -> tuple[Any, ...]:
        elements = repeat(self._elements[0], reader.length()) if self._any_length else self._elements
        return tuple(shape.read(reader) for shape in elements)


class _Table:
    def __init__(self, key: Any, value: Any) -> None:
        self._key, self._value = shape_of(key), shape_of(value)

    def write(self, value: Mapping[Any, Any]) -> bytes:
        entries = sorted((self._key.write(key), self._value.write(each)) for key, each in value.items())
        return _LENGTH.pack(len(entries)) + b"".join(key + each for key, each in entries)

    def read(self, reader: Reader) -> dict[Any, Any]:
        entries: dict[Any, Any] = {}
        last = b""
        for _ in range(reader.length()):
            key = self._key.read(reader)
            written = self._key.write(key)
            if entries and written <= last:
                raise WireError("the entries of a mapping are not in order, or one stands twice")
            entries[key], last = self._value.read(reader), written
        return entries


class _Distinct:
    def __init__(self, element: Any) -> None:
        self._table = _Table(element, type(None))

    def write(self, value: Iterable[Any]) -> bytes:
        return self._table.write(dict.fromkeys(value))

    def read(self, reader: Reader) -> frozenset[Any]:
        return frozenset(self._table.read(reader))


class OneOf:
    """One of several types, behind its name."""

    def __init__(self, *kinds: Any) -> None:
        self._kinds = {kind.__name__: (kind, shape_of(kind)) for kind in kinds}

    def write(self, value: Any) -> bytes:
        """Return the value's encoding; raises WireError if it is of another type."""
        name = type(value).__name__
        kind, shape = self._kinds.get(name, (None, _NOTHING))
        if type(value) is not kind:
            raise WireError(f"{name} stands where one of {', '.join(self._kinds)} must")
        return _TEXT.write(name) + shape.write(value)

    def read(self, reader: Reader) -> Any:
        """Return the next value; raises WireError where there is none."""
        name = _TEXT.read(reader)
        if name not in self._kinds:
            raise WireError(f"{name[:40]!r} stands where one of {', '.join(self._kinds)} must")
        return self._kinds[name][1].read(reader)


class _Record:
    """The fields of a dataclass, in their order."""

    def __init__(self, kind: type) -> None:
        hints = typing.get_type_hints(kind)
        self._kind = kind
        self._fields = [(field.name, shape_of(hints[field.name])) for field in fields(kind) if field.init]

    def write(self, value: Any) -> bytes:
        return b"".join(shape.write(getattr(value, name)) for name, shape in self._fields)

    def read(self, reader: Reader) -> Any:
        values = {name: shape.read(reader) for name, shape in self._fields}
        try:
            return self._kind(**values)
        except (FederationError, ValueError, TypeError) as error:
            raise WireError(f"no {self._kind.__name__} has these fields: {error}") from error


_BYTES: Final = _Bytes()
_TEXT: Final = _Text()
_NOTHING: Final = _Nothing()
_SIMPLE: Final[dict[Any, Shape]] = {
    bool: _Truth(),
    int: _Packed(_INTEGER),
    float: _Packed(_FLOAT),
    bytes: _BYTES,
    str: _TEXT,
    type(None): _NOTHING,
}
_GENERIC: Final[dict[Any, Callable[..., Shape]]] = {
    tuple: _Tuple,
    frozenset: _Distinct,
    Mapping: _Table,
    np.ndarray: lambda _, of: _Array(*typing.get_args(of)),
    typing.Union: OneOf,
    types.UnionType: OneOf,
}
