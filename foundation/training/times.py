"""Where the time of a run went that is stopped, killed and resumed: into steps that last, and into checkpoints.

Rule: a checkpoint carries the times up to it. What a process that was killed did after its last checkpoint is in neither: it is lost work.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Times:
    """Seconds of work and of saving, and the number of checkpoints."""

    work_s: float = 0.0
    saving_s: float = 0.0
    saves: int = 0
    _since_s: float = field(default_factory=time.monotonic, repr=False)

    def restore(self, said: Mapping[str, Any]) -> None:
        """Go on from what :meth:`said` was in a checkpoint."""
        self.work_s, self.saving_s, self.saves = said["work_s"], said["saving_s"], said["saves"]
        self._since_s = time.monotonic()

    def said(self) -> dict[str, Any]:
        """Return the times as JSON values."""
        return {"work_s": self.work_s, "saving_s": self.saving_s, "saves": self.saves}

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Count what has passed since the last checkpoint as work, and the block as saving."""
        begun_s = time.monotonic()
        self.work_s += begun_s - self._since_s
        yield
        self._since_s = time.monotonic()
        self.saving_s, self.saves = self.saving_s + self._since_s - begun_s, self.saves + 1
