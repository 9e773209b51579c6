"""The second try that CI gives a test does not stumble over the first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: The first try leaves a file and a process without an owner, in a cycle: whoever collects them is warned, and a warning is an error.
TRIED_TWICE = """
import gc, subprocess
tries = []

class Left:
    def __init__(self):
        self.itself, self.file, self.process = self, open(__file__), subprocess.Popen(["true"])

def test_it():
    tries.append(1)
    gc.collect()
    if len(tries) == 1:
        left = Left()
        assert False, "the first try"

def test_another():
    gc.collect()
"""


@pytest.mark.parametrize(("environ", "code"), [({"CI": "true"}, 0), ({}, 1)])
def test_what_a_failed_try_left_open_fails_no_other(tmp_path: Path, environ: dict[str, str], code: int) -> None:
    (tmp_path / "test_tried.py").write_text(TRIED_TWICE)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text().replace("reruns_delay=5", "reruns_delay=0"))
    variables = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST")} | environ
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("2 passed, 1 rerun" if environ else "1 failed, 1 passed") in done.stdout, done.stdout
