"""One training program as a child process, killed or evicted at given times and started again until it has ended."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foundation.processes.child import Child
from foundation.training.phases import Phase, phases_from_json
from sandtable.errors import UsageError
from sandtable.jobs.training.strikes import Strike
from sandtable.local.program import LocalProgram

_POLL_S: Final = 0.05
_LIMIT_S: Final = 1800.0
_BEGINS: Final = ": begins"
_LOG_LINES: Final = 4


@dataclass(frozen=True, slots=True)
class Run:
    """A program that has ended well.

    ``wall_s`` from the first start to the end, ``begins_s`` until it began to learn; the exit codes of the processes that were struck, the
    phases that it reports, and its whole report.
    """

    wall_s: float
    begins_s: float
    struck: tuple[int, ...]
    phases: list[Phase]
    report: dict[str, Any]


def run(
    module: str,
    args: Sequence[str],
    folder: Path,
    python: Path,
    *,
    strikes: Sequence[Strike] = (),
    grace_s: float = 0.0,
    on_wait: Callable[[float], None] | None = None,
) -> Run:
    """Run ``python -m <module> <args>`` until it ends well.

    Args:
        module: of the program.
        args: its arguments, with the folder that the report will be in.
        folder: for the report and the log; made if it is missing.
        python: of the program's environment.
        strikes: what is done to it; it is started again at once.
        grace_s: seconds that an evicted process has before it is killed.
        on_wait: gets the seconds so far, several times a second.

    Raises:
        UsageError: the program failed, or took longer than half an hour; the text has the end of its log.
    """
    waiting, begins_s, struck = sorted(strikes), 0.0, list[int]()
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with LocalProgram(module, args, log=folder / "training.log", python=python, grace_s=0) as program:
        while (code := program.child.wait(_POLL_S)) is None:
            now = time.monotonic() - began
            if not begins_s and any(line.endswith(_BEGINS) for line in program.last_lines(50)):
                begins_s = now
            if waiting and now >= waiting[0].at_s and (ended := _strike(program.child, waiting.pop(0), grace_s)):
                struck.append(ended)
                program.start()
            if now > _LIMIT_S:
                raise UsageError(f"{module} has not ended within {_LIMIT_S:.0f} s; give its training fewer steps")
            if on_wait is not None:
                on_wait(now)
        if code != 0:
            raise UsageError(f"{module} {program.exit_reason()}: {' '.join(program.last_lines(_LOG_LINES))}")
    wall_s = time.monotonic() - began
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return Run(wall_s, begins_s, tuple(struck), phases_from_json(report["phases"]), report)


def _strike(child: Child, strike: Strike, grace_s: float) -> int:
    """Strike ``child`` and return the exit code it ended with; 0 where it had reached its end before it noticed."""
    if strike.notice:
        child.process.send_signal(signal.SIGTERM)
        if (code := child.wait(grace_s)) is not None:
            return code
    child.process.kill()
    return child.process.wait()
