"""One training program as a child process, killed at given times and started again until it has ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sandtable.errors import UsageError
from sandtable.local.program import LocalProgram

_POLL_S: Final = 0.05
_LIMIT_S: Final = 1800.0
_BEGINS: Final = ": begins"
_LOG_LINES: Final = 4


@dataclass(frozen=True, slots=True)
class Run:
    """A program that has ended well: seconds from the first start to the end, seconds until it began to learn, kills, and its report."""

    wall_s: float
    begins_s: float
    kills: int
    report: dict[str, Any]


def run(
    module: str,
    args: Sequence[str],
    folder: Path,
    python: Path,
    *,
    kills: Sequence[float] = (),
    on_wait: Callable[[float], None] | None = None,
) -> Run:
    """Run ``python -m <module> <args>`` until it ends well.

    Args:
        module: of the program.
        args: its arguments, with the folder that the report will be in.
        folder: for the report and the log; it exists.
        python: of the program's environment.
        kills: seconds after the first start at which it is killed and at once started again.
        on_wait: gets the seconds so far, several times a second.

    Raises:
        UsageError: the program failed, or took longer than half an hour; the text has the end of its log.
    """
    waiting, begins_s, count = sorted(kills), 0.0, 0
    began = time.monotonic()
    with LocalProgram(module, args, log=folder / "training.log", python=python, grace_s=0) as program:
        while (code := program.child.wait(_POLL_S)) is None:
            now = time.monotonic() - began
            if not begins_s and any(line.endswith(_BEGINS) for line in program.last_lines(50)):
                begins_s = now
            if waiting and now >= waiting[0]:
                program.kill()
                program.start()
                del waiting[0]
                count += 1
            if now > _LIMIT_S:
                raise UsageError(f"{module} has not ended within {_LIMIT_S:.0f} s; give its training fewer steps")
            if on_wait is not None:
                on_wait(now)
        if code != 0:
            raise UsageError(f"{module} {program.exit_reason()}: {' '.join(program.last_lines(_LOG_LINES))}")
    return Run(time.monotonic() - began, begins_s, count, json.loads((folder / "report.json").read_text(encoding="utf-8")))
