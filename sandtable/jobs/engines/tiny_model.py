"""The trained model of ``engine.model: tiny``: made where it is missing, once, before anything is deployed.

Rule: training begins again from its checkpoint after an interrupt, and only one process trains (a lock in the cache).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sandtable.errors import UsageError
from sandtable.jobs.stack.tools import ensure_environment
from workloads.engine.model import TINY, trained_model_path

if TYPE_CHECKING:
    from sandtable.local.program import LocalProgram
    from sandtable.terminal import Steps
    from sandtable.terminal.progress.steps import Step

_MODULE: Final = "workloads.compression"
_STEP: Final = re.compile(r"train: step (\d+) of (\d+)")
_POLL_S: Final = 0.5
_LOG_LINES: Final = 3


def ensure_tiny_model(model: str, steps: Steps) -> None:
    """Train the model called ``tiny`` if ``model`` names it and it is missing; do nothing for any other.

    Raises:
        toolchain.ToolchainError: the environment with torch cannot be made, or the lock cannot be taken.
        UsageError: the training failed; the text has the end of its log.
    """
    from sandtable.local.program import LocalProgram
    from toolchain import cache_dir
    from toolchain.cache import Lock

    path = trained_model_path(cache_dir())
    if model != TINY or path.is_file():
        return
    steps.say(f"The model {TINY} is missing; training it takes about five minutes, once. Ctrl-C is safe: the next run goes on from there.")
    python = ensure_environment("training", steps)
    lock = Lock(cache_dir() / "locks" / "tiny-model.lock")
    if not lock.try_acquire():
        raise UsageError(f"another command is training the model {TINY}; wait for it to end")
    try:
        with steps.step(f"model {TINY}") as step:
            log = path.parent / "training.log"
            with LocalProgram(_MODULE, ["train", f"--out={path.parent}"], log=log, python=python, grace_s=10) as program:
                _follow(program, step)
            step.note(f"{path.stat().st_size:,} bytes in {path.parent}")
    finally:
        lock.release()


def _follow(program: LocalProgram, step: Step) -> None:
    while (code := program.child.wait(_POLL_S)) is None:
        if found := _STEP.search("\n".join(program.last_lines(1))):
            step.update(int(found[1]), int(found[2]), "steps")
    if code:
        raise UsageError(f"training the model {TINY} {program.exit_reason()}: {' '.join(program.last_lines(_LOG_LINES))}")
