"""The steps of a command: one line with its time when each is done, a live line while a long one runs.

Rule 1: everything goes to stderr, so that stdout carries results only.
Rule 2: a step longer than :data:`PATIENCE_S` shows a spinner or a bar on a terminal that can redraw lines; elsewhere it writes a line at
most every :data:`NEWS_EVERY_S` seconds.
Rule 3: ``timings`` keeps every step, even if nothing is shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from rich.table import Table
from rich.text import Text

from sandtable.document.rehearsal import Status, Timing
from sandtable.report.words.quantities import seconds
from sandtable.report.words.sentences import STATUS
from sandtable.terminal.console import progress
from sandtable.terminal.progress.live import Live

if TYPE_CHECKING:
    from rich.console import Console

    from toolchain.installing.progress import BuildProgress

PATIENCE_S: Final = 2.0
NEWS_EVERY_S: Final = 30.0
_WIDEST: Final = 100
_STYLE: Final = {"done": "good", "skipped": "unsure", "failed": "bad"}


class Cancellable(Protocol):
    """A delayed call."""

    def cancel(self) -> object:
        """Drop it."""


def _later(delay_s: float, call: Callable[[], None]) -> Cancellable:
    timer = threading.Timer(delay_s, call)
    timer.daemon = True
    timer.start()
    return timer


class Step:
    """One running step."""

    def __init__(self, name: str, steps: Steps) -> None:
        self.name = name
        self._steps = steps
        self.status: Status = "done"
        self._note = ""
        self._news_at = steps.clock()

    def note(self, text: str) -> None:
        """Set the result in a few words; shown on the step's line."""
        self._note = text

    def skip(self, reason: str) -> None:
        """Mark the step as skipped, with the reason."""
        self.status, self._note = "skipped", reason

    def update(self, done: float, total: float | None = None, text: str = "") -> None:
        """Report progress: ``done`` of ``total`` (None: unknown), and the current item; from any thread, at any rate."""
        self._steps.live.update(self.name, done, total, text)
        now = self._steps.clock()
        if not self._steps.moving and now - self._news_at >= NEWS_EVERY_S:
            self._news_at = now
            self._steps.say(f"{self.name}: {done:g}{f' of {total:g}' if total else ''} {text}".rstrip())

    @property
    def result(self) -> str:
        """What was noted."""
        return self._note


class Steps:
    """The steps of one command, in order.

    Args:
        quiet: show nothing.
        console: output; default: stderr.
        clock: monotonic seconds from any origin.
        later: schedules a call after a delay in seconds; can be cancelled.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], Cancellable] = _later,
    ) -> None:
        self.console = console or progress()
        self.quiet, self.clock, self._later = quiet, clock, later
        self.moving = self.console.is_interactive and not quiet  # a dumb terminal cannot redraw a line
        self.live = Live(self.console)
        self._done: list[Timing] = []

    @contextmanager
    def step(self, name: str, *, brief: bool = False) -> Iterator[Step]:
        """Run one step; its line is written when it ends, also if it fails or is interrupted.

        A ``brief`` step, of a command that only reads, prints nothing if it ends within :data:`PATIENCE_S`.
        """
        step, started = Step(name, self), self.clock()
        # On a terminal the live line appears only after a while, so that quick steps do not flicker.
        timer = self._later(PATIENCE_S, lambda: self.live.show(name)) if self.moving else None
        status: Status = "failed"
        note = "failed"
        try:
            yield step
            status, note = step.status, step.result
        except (KeyboardInterrupt, SystemExit):
            note = "interrupted"
            raise
        finally:
            if timer:
                timer.cancel()
            self.live.remove(name)
            took_s = self.clock() - started
            self._end(Timing(step=name, seconds=round(took_s, 3), status=status, note=note), silent=brief and took_s < PATIENCE_S)

    def skip(self, name: str, reason: str) -> None:
        """Report that a step is skipped, and why."""
        self._end(Timing(step=name, seconds=0.0, status="skipped", note=reason))

    def say(self, text: str) -> None:
        """Write one line."""
        if not self.quiet:
            # Wrap only on a terminal: a line in a log stays one line.
            self.console.print(Text(text), soft_wrap=not self.console.is_terminal)

    @contextmanager
    def builds(self) -> Iterator[Callable[[BuildProgress], None]]:
        """Return a listener for ``toolchain.ensure`` that shows a bar for each build, or plain lines without a terminal."""
        from toolchain.installing.progress import PlainLines, duration

        if not self.moving:
            yield PlainLines(self.say, every_s=NEWS_EVERY_S)
            return
        shown: set[str] = set()

        def listen(event: BuildProgress) -> None:
            if event.state in {"done", "failed"}:
                self.live.remove(event.tool)
                self.say(f"{STATUS[event.state].mark} {event.tool}: {event.state} after {duration(event.elapsed_s)}")
                return
            words = {"planned": "to come", "waiting": "another process builds it"}.get(event.state, f"about {duration(event.left_s)} left")
            shown.add(event.tool)
            self.live.update(event.tool, event.share, 1.0, words)
            self.live.show(event.tool)

        try:
            yield listen
        finally:
            for tool in shown:
                self.live.remove(tool)

    def timings(self) -> tuple[Timing, ...]:
        """Return every step so far."""
        return tuple(self._done)

    def _end(self, done: Timing, *, silent: bool = False) -> None:
        self._done.append(done)
        if self.quiet or silent:
            return
        line = Table.grid(padding=(0, 1, 0, 0), expand=False)
        line.width = min(self.console.width, _WIDEST)
        line.add_column(width=1)
        line.add_column(width=14, overflow="fold")
        line.add_column(ratio=1, overflow="fold")
        line.add_column(justify="right", no_wrap=True)
        took = "" if done.status == "skipped" else seconds(done.seconds)
        line.add_row(Text(STATUS[done.status].mark, _STYLE[done.status]), Text(done.step), Text(done.note), Text(took, "quiet"))
        self.console.print(line)
