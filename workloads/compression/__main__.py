"""``python -m workloads.compression``: train a small language model, compress it, choose a method.

Exit codes: 0 done; 1 failed; 2 bad arguments, text, model or checkpoint; 3 the port is taken; 4 the loss diverged; 143 stopped by SIGTERM,
to be run again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foundation.training import STOPPED, CheckpointError, StopRequest, load_checkpoint, restoring
from foundation.training.scrape import Series, scraped
from workloads.compression.errors import CompressionError
from workloads.compression.spec import PROGRAM, add_commands

if TYPE_CHECKING:
    from foundation.training.phases import Phase
    from workloads.compression.model.text import Text

MODEL: Final = "tiny.gguf"
OWN_TEXT: Final = ("docs", "foundation", "workloads", "toolchain", "stacks", "simulations", "policies", "loadtests", "sandtable")
_LINE_EVERY_S: Final = 2.0


def main() -> None:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Compress a small language model.", allow_abbrev=False)
    add_commands(parser)
    known = parser.parse_args()
    if known.command == "choose":
        sys.exit(_reported(lambda: _choose(known)))
    series = Series()
    with StopRequest() as stop, scraped(series, known.metrics_address, "compression"):
        sys.exit(_reported(lambda: _train_or_compress(known, stop, series)))


def _reported(work: Callable[[], int]) -> int:
    try:
        return work()
    except CompressionError as error:
        sys.stderr.write(f"compression: {error}\n")
        return error.exit_code
    except CheckpointError as error:
        sys.stderr.write(f"compression: {error}\n")
        return 2
    except ModuleNotFoundError as error:
        sys.stderr.write(f"compression: {error.name} is missing; run this in the environment of the dependency group `training`\n")
        return 1


def _choose(known: argparse.Namespace) -> int:
    from workloads.compression.chooser import choose

    choice = choose(known.ratio, loss=known.loss, complexity=known.complexity)
    sys.stdout.write(f"{choice.method} (complexity {choice.complexity})\n" + "".join(f"  because {reason}\n" for reason in choice.reasons))
    return 0


def _train_or_compress(known: argparse.Namespace, stop: StopRequest, series: Series) -> int:
    import torch

    from workloads.compression.model.text import read_text
    from workloads.compression.model.training import Stopped

    torch.set_num_threads(1)  # bit-equal resumption, and the machine is shared
    if known.command == "compress" and known.engine_python is not None and not os.access(known.engine_python, os.X_OK):
        raise CompressionError(f"{known.engine_python}: no program; name the Python of the engine's environment with --engine-python")
    text = read_text(known.text or _own_text())
    try:
        known.out.mkdir(parents=True, exist_ok=True)
        sys.stderr.write(f"{known.command}: begins\n")
        trained = _train(known, text, stop)
        if known.command == "train":
            _say_quality(known.out / MODEL, text)
        else:
            _compress(known, text, stop, trained, series)
    except Stopped as stopped:
        sys.stderr.write(f"compression: {stopped}; run it again to go on\n")
        return STOPPED
    except OSError as error:
        raise CompressionError(f"{known.out}: {error.strerror}; name a writable folder with --out") from error
    return 0


def _own_text() -> list[Path]:
    """Return the folders of this project that are here: all of a checkout, less in an image."""
    root = Path(__file__).resolve().parents[2]
    return [root / name for name in OWN_TEXT if (root / name).is_dir()]


def _train(known: argparse.Namespace, text: Text, stop: StopRequest) -> list[Phase]:
    """Train the model unless its file is there; return what its checkpoint says of the time, nothing where there is none."""
    from foundation.processes.atomic_file import write_text
    from foundation.training.chart import chart
    from foundation.training.phases import Phase
    from workloads.compression.model.gguf_file import write_gguf
    from workloads.compression.model.training import Keeping, Schedule, next_byte_loss, train
    from workloads.compression.model.transformer import Shape, initial, logits

    path, keeping = known.out / MODEL, Keeping(known.out / "tiny.checkpoint", "compression/tiny")
    if path.exists():
        sys.stdout.write(f"{path} is there; it is used\n")
        try:
            found = load_checkpoint(keeping.path, keeping.kind)
        except CheckpointError:  # not needed, only its times would have been shown
            return []
        with restoring(keeping.path):
            keeping.times.restore(found.facts["times"])
            return [Phase.of("train", found.facts["step"], keeping.every_steps, keeping.times)]
    shape = Shape()
    weights = initial(shape, known.seed)
    curve = train(
        weights,
        lambda windows: next_byte_loss(logits(weights, shape, windows[:, :-1]), windows),
        text.training,
        Schedule(known.steps, seed=known.seed),
        keeping=keeping,
        stop=stop,
        on_step=_progress("train", known.steps),
    )
    write_text(known.out / "curve.svg", chart("Training of the small model", ("step", "bits per byte"), {"training": curve}))
    write_gguf(path, weights, shape, "F32")
    return [Phase.of("train", known.steps, keeping.every_steps, keeping.times)]


def _say_quality(path: Path, text: Text) -> None:
    from workloads.compression.model.evaluation import bits_per_byte
    from workloads.compression.model.gguf_file import read_gguf

    bits = bits_per_byte(*read_gguf(path), text.held_out)
    sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes, {bits:.4f} bits per byte of {len(text.held_out):,} held-out bytes\n")


def _compress(known: argparse.Namespace, text: Text, stop: StopRequest, trained: list[Phase], series: Series) -> None:
    from foundation.processes.atomic_file import write_text
    from workloads.compression.engine_speed import measure
    from workloads.compression.pipeline import ORDERS, Pipeline, Settings
    from workloads.compression.report import Report, ratio_sample

    settings = Settings(distil_steps=known.distil_steps, lora_steps=known.lora_steps, seed=known.seed)
    steps = {"distil": settings.distil_steps, "lora": settings.lora_steps}
    lines: dict[str, Callable[[int, float], None]] = {}

    def on_step(name: str, step: int, bits: float) -> None:
        lines.setdefault(name, _progress(name, steps[name.rpartition("-")[2]]))(step, bits)

    pipeline = Pipeline(
        known.out / MODEL, text, known.out, settings, stop=stop, on_step=on_step,
        on_stage=lambda stage, original: series.show(ratio_sample(stage, original)),
    )  # fmt: skip
    stages = [pipeline.quantised("Q8_0"), pipeline.quantised("Q4_0")]
    for order in ORDERS if known.order == "both" else (known.order,):
        stages += pipeline.run(order)
    speeds = {}
    if known.engine_python is not None:
        models = {stage.name: stage.path for stage in (pipeline.original, *stages)}
        speeds = measure(models, known.engine_python, log=known.out / "engine.log")
    report = Report(pipeline.original, stages, speeds, known.usd_per_hour, (*trained, *pipeline.phases))
    report.write(known.out)
    write_text(known.out / "metrics.prom", series.text())
    sys.stdout.write(report.table() + "\n")


def _progress(name: str, steps: int) -> Callable[[int, float], None]:
    """Return what writes a line to standard error now and then."""
    begun = last = time.monotonic()

    def on_step(step: int, bits: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _LINE_EVERY_S or step == steps:
            last = now
            sys.stderr.write(f"{name}: step {step} of {steps}, {bits:.3f} bits per byte, {now - begun:.0f} s\n")

    return on_step


if __name__ == "__main__":
    main()
