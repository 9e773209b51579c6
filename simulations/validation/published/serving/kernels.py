"""Steps of Llama 3.1 on five GPUs as AISimulate's measured kernels give them, and as the roofline with fitted coefficients does.

The steps (``kernels.csv``, written by ``python -m simulations.serving.roofline.fitting``) are those that the coefficients were fitted to,
so these errors are in-sample. The program also prints the errors on models and groups that were not fitted.
"""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.hardware import gpu, model
from simulations.serving.roofline import Host, RooflineTimes, kernels_of
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import within

_STEPS: Final = Path(__file__).with_name("kernels.csv")


def _measure(_data: Path) -> Iterator[Figure]:
    errors = _errors()
    for name, found in errors.items():
        yield Figure(f"{name}, mean error, %", 0.0, 100 * statistics.fmean(found), len(found))
        yield Figure(f"{name}, worst error, %", 0.0, 100 * max(found), len(found), tolerance=within(15, "%"))


def _errors() -> dict[str, list[float]]:
    """Return the relative errors of each GPU's steps, without sign."""
    times: dict[tuple[str, str, int], RooflineTimes] = {}
    errors: dict[str, list[float]] = defaultdict(list)
    with _STEPS.open(newline="") as file:
        for row in csv.DictReader(file):
            name, batch, context, group = row["gpu"], int(row["batch"]), int(row["context"]), int(row["group"])
            key = (name, row["model"], group)
            if key not in times:
                times[key] = RooflineTimes(gpu(name), model(row["model"]), kernels_of(name), Host.none(), group=group)
            pairs = 0.0 if batch else context * (context + 1) / 2
            seconds = times[key].step_s(batch or context, batch, batch * context, pairs)
            errors[name].append(abs(seconds * 1e3 / float(row["ms"]) - 1))
    return errors


ROW: Final = Row(
    id="kernels",
    setup="batches of 1 to 64 after 512 to 8,192 tokens and prompts of 128 to 8,192; Llama 3.1 8B and 70B on 1, 2 and 4 of five GPUs",
    source="AISimulate 0.13.0.dev (NVIDIA), measured kernels under vLLM",
    expected="its step times",
    tolerance=within(5, "%"),
    measure=_measure,
    limits="prompts on an A100: products jump by up to a factor of two between 256 and 1,024 tokens, and each time a GPU's part of a layer "
    "is halved they take about 5 % longer, which one share of the peak for all sizes cannot say",
)
