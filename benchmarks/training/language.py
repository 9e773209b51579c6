"""The small language model through both orders of the pipeline, served by the real engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.training.table import Row
from stacks.pricing.prices import PriceBook
from workloads.compression.pipeline import ORDERS


def usd_per_thread_hour() -> float:
    """Return the on-demand price of one thread: a c6i.2xlarge has eight."""
    price = next(price for price in PriceBook.bundled() if price.instance_type == "c6i.2xlarge")
    usd_per_hour, threads = price.for_purchase("on-demand"), price.vcpus
    assert usd_per_hour is not None
    assert threads is not None, "the bundled book has both"
    return usd_per_hour / threads


def rows(model: Path | None, engine_python: Path | None) -> list[Row]:
    """Run the program, print its table, and return what the last stage of each order reached against the original."""
    with tempfile.TemporaryDirectory() as folder:
        if model is not None:
            shutil.copy(model, Path(folder, "tiny.gguf"))
        options = [f"--engine-python={engine_python}", f"--usd-per-hour={usd_per_thread_hour():.4f}"] if engine_python else []
        command = [sys.executable, "-m", "workloads.compression", "compress", "--order=both", f"--out={folder}", *options]
        table = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        stages = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))["stages"]
    print(table)
    by_order = {stage["stage"].partition(" ")[0]: stage for stage in stages}  # the last stage of an order stays
    return [_row(order, by_order[order], stages[0]) for order in ORDERS]


def _row(order: str, stage: dict[str, Any], original: dict[str, Any]) -> Row:
    reached = f"{stage['ratio']:.2f} times smaller, {stage['loss']:+.2%} bits per byte"
    if "usd_per_mtok" in stage:
        saved = original["usd_per_mtok"] - stage["usd_per_mtok"]
        reached += f", {stage['speed_up']:.2f} times as fast, saves ${saved:.4f} of ${original['usd_per_mtok']:.4f} per Mtok"
    return Row(f"language model, order {order}", f"{reached}, n = 1", "4.2 x, .02, 3.5 x", "its F32 file")
