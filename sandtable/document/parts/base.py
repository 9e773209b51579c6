"""The base class of every part of a document, and the types of its numbers.

Rule 1: a part is filled from JSON, by name, or from a dataclass of a floor below whose attributes have the same names; ``taken``
translates where that floor's form differs.
Rule 2: every field that a run may lack has a default, so that a renderer need not test for keys. A dataclass must have every field:
an attribute that is missing there is a bug.
Rule 3: unknown keys are ignored, so that a newer writer of the same version can add some.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Part(BaseModel):
    """A frozen part of a document."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        defer_build=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,  # write every field
        json_schema_extra={"additionalProperties": False},
    )

    @classmethod
    def of(cls, value: object, **more: Any) -> Self:
        """Return the part filled from the attributes of ``value``; ``more`` gives the fields that it lacks."""
        return cls.model_validate(cls.taken(value, more) | more)

    @classmethod
    def taken(cls, value: Any, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from ``value``, without those in ``given``."""
        return {name: getattr(value, name) for name in cls.model_fields if name not in given}

    @model_validator(mode="before")
    @classmethod
    def _from_a_floor_below(cls, value: Any) -> Any:
        return cls.taken(value) if is_dataclass(value) else value


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a field as a person reads it, and its unit as ``report.words.quantities.figure`` takes it."""

    words: str
    unit: str = ""


def labelled(kind: type[Part]) -> Iterator[tuple[str, Label]]:
    """Yield the fields of ``kind`` that a table lists, in order, each with its label."""
    for name, field in kind.model_fields.items():
        for label in field.metadata:
            if isinstance(label, Label):
                yield name, label


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rounded(digits: int) -> AfterValidator:
    """Round a number to ``digits`` decimals; None stays None."""

    def to_digits(value: float | None) -> float | None:
        return None if value is None else round(value, digits)

    return AfterValidator(to_digits)


#: NaN and infinities become None. No figure of a run comes near the bound (1e15 ms are 30,000 years): a larger one is a bug of the
#: writer, and the reader says so.
Number = Annotated[Annotated[float, Field(ge=-1e15, le=1e15)] | None, BeforeValidator(_finite)]
#: To a millionth: a nanosecond, where the unit is the millisecond.
Figure = Annotated[Number, rounded(6)]
#: What a curve can show.
Drawn = Annotated[Number, rounded(3)]
#: Money.
Cents = Annotated[Number, rounded(2)]
#: Both ends of a 95 % interval; an unbounded end is None.
Interval = tuple[Figure, Figure]
