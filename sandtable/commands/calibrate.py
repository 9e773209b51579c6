"""``sandtable calibrate``: how fast an engine is, from the engine itself or from a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sandtable.commands.options import Json, print_json

EXAMPLES = """
Examples:

  sandtable calibrate --engine http://127.0.0.1:8080 --out engine.json

  sandtable calibrate --replay run.jsonl --gpu H100 --model llama-3.1-8b
"""
_ENGINE, _RECORDED = "A running engine", "A recorded run"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calibrate", rich_help_panel="Rehearse", epilog=EXAMPLES)(calibrate)


def calibrate(
    *,
    engine: Annotated[
        str | None, typer.Option(metavar="URL", help="An idle llama.cpp server; it is loaded for a minute.", rich_help_panel=_ENGINE)
    ] = None,
    slots: Annotated[int, typer.Option(min=1, help="Requests that it decodes together.", rich_help_panel=_ENGINE)] = 4,
    context_tokens: Annotated[int, typer.Option(min=2, help="Tokens of each, prompt and answer.", rich_help_panel=_ENGINE)] = 1024,
    threads: Annotated[int, typer.Option(min=1, help="Its CPU threads.", rich_help_panel=_ENGINE)] = 1,
    out_file: Annotated[Path | None, typer.Option("--out", help="Also write the calibration here.", rich_help_panel=_ENGINE)] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Requests of vLLM with their times, as JSON lines; half are fitted, half held out.",
            rich_help_panel=_RECORDED,
        ),
    ] = None,
    gpu: Annotated[str, typer.Option(help="The GPU that it ran on.", rich_help_panel=_RECORDED)] = "H100",
    model: Annotated[str, typer.Option(help="The model that it served.", rich_help_panel=_RECORDED)] = "llama-3.1-8b",
    group: Annotated[int, typer.Option(min=1, help="GPUs that shared the model.", rich_help_panel=_RECORDED)] = 1,
    sequences: Annotated[int, typer.Option(min=1, help="Its max_num_seqs.", rich_help_panel=_RECORDED)] = 256,
    blocks: Annotated[
        int | None, typer.Option(min=1, help="Its key-value blocks; default: those that fit.", rich_help_panel=_RECORDED)
    ] = None,
    json: Json = False,
) -> None:
    """Fit an engine's coefficients; print their errors in the sample and held out."""
    from sandtable.document.answers.calibration import EngineCalibration
    from sandtable.errors import UsageError
    from sandtable.jobs.calibrate import of_engine, of_recorded_run
    from sandtable.terminal import Steps, out, show_calibration
    from workloads.engine.spec import EngineSpec

    steps = Steps(quiet=json)
    if engine and not replay:
        found = of_engine(engine, EngineSpec(slots=slots, context_tokens=context_tokens, threads=threads), out_file, steps)
    elif replay and not engine:
        if out_file:
            raise UsageError("--out goes with --engine: what a recorded run tells of its machine is no calibration of a llama.cpp server")
        found = of_recorded_run(replay, gpu, model, sequences=sequences, blocks=blocks, group=group, steps=steps)
    else:
        raise UsageError("name one thing to calibrate: --engine URL, or --replay FILE")
    document = EngineCalibration.of(found)
    if json:
        print_json(document)
    else:
        show_calibration(document, out())
