"""The verification that was kept, for the report of a rehearsal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.document.reading import RunUnreadableError, read_verification

if TYPE_CHECKING:
    from sandtable.document.answers.verification import Verification
    from sandtable.document.reading import Run
    from sandtable.workspace import Workspace


def kept_verification(space: Workspace, run: Run) -> Verification | None:
    """Return the latest verification of the environment of ``run``; None if there is none, or if it was of another graph."""
    try:
        kept = read_verification(space.verification(run.rehearsal.environment))
    except RunUnreadableError:  # an older version has written it; the next `verify` replaces it
        return None
    return kept if kept and kept.digest == run.rehearsal.graph.digest else None
