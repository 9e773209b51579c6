"""The live lines at the bottom of a terminal: one for each running step or build, removed when it ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from rich.console import Console


class Live:
    """Rows by name. Safe to call from any thread; a row that is not shown costs only a dictionary entry."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._progress: Progress | None = None
        self._rows: dict[str, TaskID] = {}
        self._news: dict[str, tuple[float, float | None, str]] = {}

    def show(self, name: str) -> None:
        """Show a row with its latest progress."""
        with self._lock:
            if name in self._rows:
                return
            if self._progress is None:
                self._progress = self._start()
            self._rows[name] = self._progress.add_task(name, total=None, words="")
            if name in self._news:
                self._draw(name)
            self._progress.refresh()

    def update(self, name: str, done: float, total: float | None, words: str) -> None:
        """Update the progress of a row; kept until the row is shown."""
        with self._lock:
            self._news[name] = (done, total, words)
            if name in self._rows:
                self._draw(name)

    def remove(self, name: str) -> None:
        """Remove a row; removing the last one clears the live display."""
        with self._lock:
            self._news.pop(name, None)
            row = self._rows.pop(name, None)
            if self._progress is None or row is None:
                return
            self._progress.remove_task(row)
            if not self._rows:
                self._progress.stop()
                self._progress = None

    def _start(self) -> Progress:
        utf8 = self._console.encoding.startswith("utf")
        progress = Progress(
            SpinnerColumn("dots" if utf8 else "line"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[words]}", markup=False, style="quiet"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        progress.start()
        return progress

    def _draw(self, name: str) -> None:
        assert self._progress is not None, "a shown row has a display"
        done, total, words = self._news[name]
        counted = f"{done:g}/{total:g} {words}" if total and total > 1 else words
        # Long text would push the bar and the time off the line.
        self._progress.update(self._rows[name], completed=done, total=total, words=counted[: max(12, self._console.width - 54)])
