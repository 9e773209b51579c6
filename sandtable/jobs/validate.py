"""The published results, one step each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from difflib import get_close_matches
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from sandtable.errors import UsageError
from sandtable.jobs.engines.bench import LocalBench
from sandtable.report.words.quantities import seconds

if TYPE_CHECKING:
    from sandtable.document.answers.validation import PublishedRow, Validation
    from sandtable.terminal import Steps
    from simulations.validation import Row


def validate(names: Sequence[str], data: Path, steps: Steps, *, workers: int) -> tuple[PublishedRow, ...]:
    """Run the rows ``names`` (none: all) on the files of ``data``, ``workers`` at a time, each in a process of its own.

    Rows that measure real programs come last and one at a time, because the others would disturb them.

    Raises:
        UsageError: a name is unknown.
    """
    wanted = chosen(names)
    measuring = [row for row in wanted if row.on_bench is not None]
    wanted = [row for row in wanted if row.on_bench is None]
    return (*_modelled(wanted, data, steps, workers), *(_shown(row.id, partial(run, row.id, data), steps) for row in measuring))


def _modelled(wanted: Sequence[Row], data: Path, steps: Steps, workers: int) -> tuple[PublishedRow, ...]:
    if workers == 1 or len(wanted) <= 1:
        return tuple(_shown(row.id, partial(run, row.id, data), steps) for row in wanted)
    # A fresh interpreter each: a fork of this one would inherit its threads' locks.
    with ProcessPoolExecutor(min(workers, len(wanted)), mp_context=get_context("spawn")) as pool:
        futures = {row.id: pool.submit(run, row.id, data) for row in wanted}
        return tuple(_shown(name, future.result, steps) for name, future in futures.items())


def run(name: str, data: Path) -> tuple[PublishedRow, float]:
    """Run one row; return it with the seconds that it took."""
    from sandtable.document.answers.validation import PublishedRow
    from simulations.validation import check, rows

    begun = time.perf_counter()
    return PublishedRow.of(check(rows()[name], data, LocalBench())), time.perf_counter() - begun


def _shown(name: str, result: Callable[[], tuple[PublishedRow, float]], steps: Steps) -> PublishedRow:
    with steps.step(name) as step:
        row, took_s = result()
        if row.verdict == "skipped":
            step.skip(row.reason)
        else:
            step.status = "failed" if row.verdict == "missed" else "done"
            step.note(f"{row.reason or row.verdict}, in {seconds(took_s)}")
    return row


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
