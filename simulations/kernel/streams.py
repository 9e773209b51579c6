"""Independent random streams, so that two policies see the same random events.

A stream is named by its purpose (``failures``, ``spot``, a pool, a zone …) and depends only on the seed and that name. Drawing more from
one stream changes no other (common random numbers; Law, Simulation Modeling and Analysis, section 11.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of one run."""

    seed: int

    def stream(self, *name: str | int) -> Random:
        """Return the stream of this name from its beginning."""
        return Random("/".join(map(str, (self.seed, *name))))  # noqa: S311  # repeatable on purpose
