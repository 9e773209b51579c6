"""The small language model through both orders of the pipeline, served by the real engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.training.table import Row


def rows(model: Path | None, engine_python: Path | None) -> list[Row]:
    """Run the program and print its table; the loss, size and speed that were asked for stand in the row."""
    with tempfile.TemporaryDirectory() as folder:
        if model is not None:
            shutil.copy(model, Path(folder, "tiny.gguf"))
        options = [f"--engine-python={engine_python}"] if engine_python else []
        command = [sys.executable, "-m", "workloads.compression", "compress", "--order=both", f"--out={folder}", *options]
        table = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(table)
    return [Row("language model, F32 against both orders", "see the table above", "4.2 x, .02, 3.5 x")]
