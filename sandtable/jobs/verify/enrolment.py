"""Why the pods of a federation may not be ready: they wait until people have enrolled its clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stacks.components import places
from stacks.components.workloads.federation import EMPTY, FILE, ROSTER

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_GUIDE: Final = 'docs/guides/run-the-whole-platform-on-one-machine.md, "A federation that learns"'


def waits_for_people(ground: Ground) -> str:
    """Return what to do about a federation whose roster is as the stack made it, as the end of a sentence; empty if it is not."""
    if ground.config_files(ROSTER, places.FEDERATION).get(FILE) != EMPTY:
        return ""
    return f"; the federation waits until its clients are enrolled ({_GUIDE})"
