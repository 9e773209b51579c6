"""Remarks for the reader that accompany the figures of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Remarks:
    """Sentences by subject; ``+`` joins those of two jobs.

    ``missing`` says what could not be done and prevents the verdict ship; ``real`` says what really ran, ``simulated`` what was emulated
    or computed instead.
    """

    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()

    def __add__(self, other: Remarks) -> Remarks:
        return Remarks(self.missing + other.missing, self.notes + other.notes, self.real + other.real, self.simulated + other.simulated)


NO_REMARKS: Final = Remarks()
