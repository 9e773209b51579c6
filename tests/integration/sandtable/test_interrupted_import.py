"""An interrupt in the middle of an import, of which the interpreter keeps a mark until its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sandtable.exit_codes import ExitCode


def test_an_interrupted_import_does_not_end_it_by_a_signal(tmp_path: Path) -> None:
    """In a process of its own: what is tested is the interpreter's end."""
    program = """
from sandtable import app

def run(_arguments):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return 130

app.run = run
app.main()
"""
    (tmp_path / "interrupted.py").write_text(program)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    assert subprocess.run([sys.executable, "-m", "interrupted"], env=environment, check=False).returncode == ExitCode.INTERRUPTED
