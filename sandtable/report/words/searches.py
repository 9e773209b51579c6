"""Words for a search of configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.report.words.quantities import count

if TYPE_CHECKING:
    from sandtable.document.answers.capacity import ConfigurationSearch


def simulated(search: ConfigurationSearch) -> str:
    """Return how many configurations were simulated, and how many of those in full."""
    full = sum(one.full for one in search.tried)
    return f"{len(search.tried)} of {count(search.space, 'configuration')} simulated, {full} in full"
