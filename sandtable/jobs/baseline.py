"""The kept baseline: an outcome, and the load and engines it was measured with.

Rule 1: it is compared only with a measurement of the same load, request by request: other requests take other times.
Rule 2: a measurement of other engines is compared, because they may be what changes in the release; a note says that they differ.
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
        """Read what ``write`` wrote; None if there is no file.

        Raises:
            UsageError: another release wrote it.
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
        """Return the outcome to compare ``measured`` with, or None if they cannot be compared, and notes for the reader."""
        if self.load != measured.load:
            return None, "not compared with the kept baseline, which was measured with another load; keep a new one with --keep-baseline"
        if self.engines != measured.engines:
            return self.outcome, f"compared with a baseline of different engines: {self.engines}; now {measured.engines}"
        return self.outcome, None


def load_digest(requests: Sequence[PlannedRequest]) -> str:
    """Return the digest of a plan: time, lengths, and wire and route of each request if it has them. It is the same on every machine."""
    rows: list[Any] = [
        [round(request.at_s, 6), request.prompt_tokens, request.output_tokens, *([request.wire, request.route] if request.route else [])]
        for request in requests
    ]
    return f"sha256:{hashlib.sha256(json.dumps(rows).encode()).hexdigest()}"
