"""Python programs of this project as child processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


def python_environment(*, own: bool = False) -> dict[str, str]:
    """Return the environment of a child that runs a module of this project.

    The child can import the project. It inherits only those of the caller's variables that a program needs to start, and no secrets.

    Args:
        own: Whether the child runs in its own environment instead of ours; our PYTHONPATH is then not passed on.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    paths = filter(None, (str(_ROOT), None if own else os.environ.get("PYTHONPATH")))
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
