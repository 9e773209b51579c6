"""The published results, one step each."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from sandtable.errors import UsageError

if TYPE_CHECKING:
    from sandtable.document.answers.validation import Validation
    from sandtable.terminal import Steps
    from simulations.validation import Result, Row


def validate(names: Sequence[str], data: Path, steps: Steps) -> tuple[Result, ...]:
    """Run the rows ``names`` (none: all) on the files of ``data``.

    Raises:
        UsageError: a name is unknown.
    """
    from simulations.validation import check

    results = []
    for row in chosen(names):
        with steps.step(row.id) as step:
            result = check(row, data)
            if result.verdict == "skipped":
                step.skip(result.reason)
            else:
                step.note(result.reason or result.verdict)
        results.append(result)
    return tuple(results)


def chosen(names: Sequence[str]) -> list[Row]:
    """Return the rows ``names`` in the order of the table; none means all.

    Raises:
        UsageError: a name is unknown.
    """
    from simulations.validation import rows

    known = rows()
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(f"no published result is named {name!r}; " + (f"did you mean {near[0]!r}?" if near else "see --list"))
    return [row for row in known.values() if not names or row.id in names]


def listed(names: Sequence[str]) -> Validation:
    """Return the rows without running them.

    Raises:
        UsageError: a name is unknown.
    """
    from sandtable.document.answers.validation import PublishedRow, Validation

    return Validation(rows=tuple(PublishedRow.listed(row) for row in chosen(names)))
