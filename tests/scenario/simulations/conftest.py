"""The small stacks and calibrations of the unit tests, loaded by path: whole models are asked about the same machines as their parts."""

from __future__ import annotations

import runpy
from pathlib import Path

_shared = runpy.run_path(str(Path(__file__).parents[2] / "unit" / "simulations" / "conftest.py"))
build, calibration = _shared["build"], _shared["calibration"]
