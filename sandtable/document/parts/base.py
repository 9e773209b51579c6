"""What every part of a document has in common, and its numbers.

Rule 1: a part is filled from JSON, by name, or from a dataclass of a floor below whose attributes have the same names; what that floor
says otherwise, ``taken`` translates.
Rule 2: every field that a run may lack has a default, so that a renderer asks for values and not for keys. From a dataclass no field
is left out: an attribute that is missing there is an error of ours.
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
        json_schema_serialization_defaults_required=True,  # every field is written
        json_schema_extra={"additionalProperties": False},
    )

    @classmethod
    def of(cls, value: object, **more: Any) -> Self:
        """Return the part filled from the attributes of ``value``; ``more`` are fields that it does not know."""
        return cls.model_validate(cls.taken(value, more) | more)

    @classmethod
    def taken(cls, value: Any, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields that ``value`` says, without those that are ``given``."""
        return {name: getattr(value, name) for name in cls.model_fields if name not in given}

    @model_validator(mode="before")
    @classmethod
    def _from_a_floor_below(cls, value: Any) -> Any:
        return cls.taken(value) if is_dataclass(value) else value


@dataclass(frozen=True, slots=True)
class Label:
    """How a field is called where a person reads it, and its unit as ``report.words.quantities.figure`` takes it."""

    words: str
    unit: str = ""


def labelled(kind: type[Part]) -> Iterator[tuple[str, Label]]:
    """Yield the fields of ``kind`` that a table lists, in their order, each with its label."""
    for name, field in kind.model_fields.items():
        for label in field.metadata:
            if isinstance(label, Label):
                yield name, label


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rounded(digits: int) -> AfterValidator:
    """Round a number to ``digits`` after the point; None stays None."""

    def to_digits(value: float | None) -> float | None:
        return None if value is None else round(value, digits)

    return AfterValidator(to_digits)


#: NaN and infinities are not known. No figure of a run comes near the bound (1e15 ms are 30,000 years): what is beyond is a fault of the
#: writer, and the reader says so.
Number = Annotated[Annotated[float, Field(ge=-1e15, le=1e15)] | None, BeforeValidator(_finite)]
#: To a millionth: a nanosecond, where the unit is the millisecond.
Figure = Annotated[Number, rounded(6)]
#: What a curve can show.
Drawn = Annotated[Number, rounded(3)]
#: Money.
Cents = Annotated[Number, rounded(2)]
#: Both ends of a 95 % interval; an end that nothing bounds is None.
Interval = tuple[Figure, Figure]
