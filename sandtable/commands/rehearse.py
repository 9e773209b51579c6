"""``sandtable rehearse``: the whole loop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sandtable.commands.options import EnvironmentName, Json, Yes, complain, print_json, workspace

if TYPE_CHECKING:
    from sandtable.document.reading import Run
    from sandtable.jobs.rehearse import Rehearsed
    from sandtable.terminal import Steps

_NOT_KEPT: Final = "not kept as the baseline: only a rehearsal that ships is kept kept"

EXAMPLES = """
Examples:

  sandtable rehearse dev

  sandtable rehearse dev --keep-baseline       later runs are compared with it

  sandtable rehearse dev --fault anthropic=503@20s+15s --fault engine=kill@30s

  sandtable rehearse staging --json | jq .verdict

The verdict is the exit code: 0 ship, 3 a threshold is broken, 4 inconclusive, 5 a regression, 6 a policy is violated.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rehearse", rich_help_panel="Rehearse", epilog=EXAMPLES)(rehearse)


def rehearse(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    keep_baseline: Annotated[
        bool, typer.Option("--keep-baseline", help="Keep the measurement as the baseline of later rehearsals.")
    ] = False,
    keep_cluster: Annotated[bool, typer.Option("--keep-cluster", help="Leave the embedded cluster running.")] = False,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Skip the bad rows of a trace instead of refusing it.")] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="KIND=VALUE@START+LENGTH", help="Inject a fault in a load of its own; may be repeated."),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Deploy, predict, load-test and judge an environment; ends with a verdict and a report."""
    from policies.verdict import Result
    from sandtable.jobs import rehearse as jobs
    from sandtable.jobs.history import record_rehearsal
    from sandtable.jobs.verify.kept import kept_verification
    from sandtable.report import write_reports
    from sandtable.terminal import Steps, out, show_rehearsal

    space, steps = workspace(context), Steps(quiet=json)
    options = jobs.Options(keep_cluster=keep_cluster, skip_bad_rows=skip_bad_rows, confirmed=yes, faults=tuple(fault or ()))
    done = jobs.rehearse(environment, space, options, steps)
    ships = done.verdict.result is Result.SHIP
    if keep_baseline and not ships:
        done = jobs.with_note(done, _NOT_KEPT)
        steps.say(_NOT_KEPT)
    run = _document(done, steps)
    run = replace(run, history=record_rehearsal(space, run.id, run.rehearsal, complain), verification=kept_verification(space, run))
    run.write(done.folder)
    files = write_reports(run, done.folder)
    if keep_baseline and ships and done.as_baseline:
        done.as_baseline.write(space.baseline(done.found.environment.name))
    if json:
        print_json(run.rehearsal)
    else:
        show_rehearsal(run.rehearsal, out(), report=files.html)
    raise typer.Exit(int(run.rehearsal.exit_code or 0))


def _document(done: Rehearsed, steps: Steps) -> Run:
    """Return the documents of the run."""
    from sandtable.document import building
    from sandtable.document.pictures import read_pictures
    from sandtable.document.reading import Run

    found, trial = done.found, done.found.trial
    rehearsal = building.rehearsal(
        found.environment,
        done.verdict,
        started_at=done.started_at,
        command=done.command,
        planned=found.requests,
        graph=found.first.graph,
        deployed=found.landed.graph if found.landed else None,
        differences=found.landed.differences if found.landed else (),
        policies=found.first.policies,
        cost=found.first.cost,
        calibration=trial.calibration,
        prediction=trial.prediction,
        bands=trial.bands,
        measurement=trial.measurement,
        jobs=found.jobs,
        notes=found.remarks.notes,
        real=found.remarks.real,
        simulated=found.remarks.simulated,
        timings=steps.timings(),
    )
    samples = building.samples(trial.prediction, trial.measurement)
    return Run(done.folder.name, rehearsal, samples, found.graph, pictures=read_pictures(done.folder))
