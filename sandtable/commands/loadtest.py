"""``sandtable loadtest``: the measurement alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, YesTarget, print_json, workspace
from sandtable.errors import UsageError
from sandtable.exit_codes import ExitCode

if TYPE_CHECKING:
    from sandtable.jobs.loadtest import Request
    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace

EXAMPLES = """
Examples:

  sandtable loadtest dev                            Locust, on a local engine

  sandtable loadtest dev --open-loop --rate 1.5 --duration 30s

  sandtable loadtest dev --trace conv.csv --open-loop

  sandtable loadtest dev --web                      Locust's page on 127.0.0.1

  sandtable loadtest dev --sweep --duration 15s     the rate that holds

  sandtable loadtest dev --gateway                  through the gateway

  sandtable loadtest dev --target http://127.0.0.1:8080   after a question

  SANDTABLE_API_KEY=... sandtable loadtest dev --target URL --model NAME
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("loadtest", rich_help_panel="Rehearse", epilog=EXAMPLES)(loadtest)


def loadtest(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    rate: Annotated[
        float | None, typer.Option(help="Mean requests per second; default: the environment's; with --users: as fast as the users can.")
    ] = None,
    duration: Annotated[str | None, typer.Option(help="Duration, such as 60s or 5m; default: the environment's.")] = None,
    trace: Annotated[Path | None, typer.Option(help="Replay this trace instead of the environment's arrivals.")] = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Skip the bad rows of a trace instead of refusing it.")] = False,
    open_loop: Annotated[bool, typer.Option("--open-loop", help="Send at the intended times, however slow the engine is.")] = False,
    users: Annotated[
        int | None, typer.Option(min=1, help="Locust users, who wait for their answers; default: 4 for each request per second.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Locust processes that share the users, for rates that one process cannot send.")
    ] = 1,
    web: Annotated[
        bool, typer.Option("--web", help="Show Locust's web page instead of running headless; the last test started there counts.")
    ] = False,
    web_port: Annotated[int, typer.Option("--web-port", min=1, max=65535, help="Port of the web page on 127.0.0.1.")] = 8089,
    target: Annotated[list[str] | None, typer.Option(help="URL to load instead of a local engine; asks for confirmation.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model to name in requests to a --target; default: synthetic. The API key is read from SANDTABLE_API_KEY."),
    ] = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="Send the environment's mix of wires and routes through its gateway; a --target is then one.")
    ] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Raise the rate until the thresholds on a p95 break; --duration is that of each rate.")
    ] = False,
    yes: YesTarget = False,
    json: Json = False,
) -> None:
    """Load an engine and show what was measured; no cluster is needed."""
    from sandtable.document.answers.checks import LoadTest
    from sandtable.document.writing import write
    from sandtable.jobs.loadtest import Request, load_test
    from sandtable.terminal import Steps, out, show_measurement

    request = Request(
        rate_per_s=rate,
        duration=duration,
        trace=trace,
        skip_bad_rows=skip_bad_rows,
        open_loop=open_loop,
        users=users,
        web=web,
        web_port=web_port,
        targets=tuple(target or ()),
        confirmed=yes,
        model=model,
        processes=processes,
        gateway=gateway,
    )
    space, steps = workspace(context), Steps(quiet=json)
    if sweep:
        _sweep(environment, space, request, steps, json=json)
        return
    tested = load_test(environment, space, request, steps)
    document = LoadTest.of(tested.measurement, environment=tested.environment, targets=tested.targets, generator_kind=tested.generator_kind)
    try:
        write(space.folder / "loadtests" / f"{tested.environment}.json", document)
    except UsageError as error:
        steps.say(f"the result is shown but was not kept: {error}")  # the disk filled up meanwhile: the measurement is still shown
    if json:
        print_json(document)
    else:
        show_measurement(document, out())
    if document.invalid or document.undersampled:
        raise typer.Exit(int(ExitCode.INCONCLUSIVE))


def _sweep(environment: str, space: Workspace, request: Request, steps: Steps, *, json: bool) -> None:
    """Show the largest rate that holds; exit 3 if it is below the environment's, 4 if the generator could not tell."""
    from sandtable.document.answers.sweep import RateSweep
    from sandtable.jobs.loadtest import sweep_rates
    from sandtable.terminal import out, show_sweep

    known, found = sweep_rates(environment, space, request, steps)
    answer = RateSweep.found(found, environment=known.name, wanted_per_s=request.rate_per_s or known.traffic.rate_per_s)
    if json:
        print_json(answer)
    else:
        show_sweep(answer, out())
    if not answer.holds:
        told = answer.bounded or any(not point.invalid for point in answer.points)
        raise typer.Exit(int(ExitCode.THRESHOLD if told else ExitCode.INCONCLUSIVE))
