"""Python programs of this project as child processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


def python_environment(*, own: bool = False) -> dict[str, str]:
    """Return the environment of a child that runs a module of this project.

    The project can be imported there, and of the caller's variables only those come along that a program needs to start: no secret does.

    Args:
        own: Whether the child's Python is not ours but that of an environment of its own; what is on our PYTHONPATH stays away then.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    paths = filter(None, (str(_ROOT), None if own else os.environ.get("PYTHONPATH")))
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
