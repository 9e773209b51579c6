"""What a reader must know beside the figures of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Remarks:
    """Sentences by what they are about; ``+`` puts those of two jobs one after the other.

    ``missing`` says what could not be done and keeps a release from shipping; ``real`` what really ran, ``simulated`` what was played or
    computed instead.
    """

    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()

    def __add__(self, other: Remarks) -> Remarks:
        return Remarks(self.missing + other.missing, self.notes + other.notes, self.real + other.real, self.simulated + other.simulated)


NO_REMARKS: Final = Remarks()
