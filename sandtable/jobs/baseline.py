"""The kept baseline: an outcome, and what it was measured with.

Rule 1: it is compared with a measurement of the same load only, request by request; other requests take other times.
Rule 2: other engines are compared all the same, because they may be the release; the reader is told that they are others.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from foundation.measures import Outcome
from sandtable.errors import UsageError
from sandtable.workspace import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stacks.traffic import PlannedRequest


@dataclass(frozen=True, slots=True)
class Baseline:
    """``load`` is the digest of the plan (:func:`load_digest`); ``engines`` says in words how many there were and how they started."""

    outcome: Outcome
    load: str
    engines: str

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Read what ``write`` wrote; None where there is no file.

        Raises:
            UsageError: it was not written by this release.
        """
        if not file.is_file():
            return None
        document = read_json(file)
        try:
            return cls(Outcome.from_json(document["outcome"]), str(document["load"]), str(document["engines"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"{file}: not a baseline of this release ({error!r}); remove it, and keep a new one with `rehearse --keep-baseline`"
            ) from error

    def write(self, file: Path) -> None:
        """Keep it.

        Raises:
            UsageError: the file cannot be written.
        """
        write_json(file, {"load": self.load, "engines": self.engines, "outcome": self.outcome.to_json()})

    def against(self, measured: Baseline) -> tuple[Outcome | None, str | None]:
        """Return the outcome that ``measured`` is to be compared with, None where it cannot be, and what a reader must know."""
        if self.load != measured.load:
            return None, "not compared with the kept baseline: it was measured with another load; keep a new one with --keep-baseline"
        if self.engines != measured.engines:
            return self.outcome, f"compared with a baseline of other engines: {self.engines}; now {measured.engines}"
        return self.outcome, None


def load_digest(requests: Sequence[PlannedRequest]) -> str:
    """Return the digest of a plan: when how many tokens are asked for, on every machine the same."""
    rows: list[Any] = [[round(request.at_s, 6), request.prompt_tokens, request.output_tokens] for request in requests]
    return f"sha256:{hashlib.sha256(json.dumps(rows).encode()).hexdigest()}"
