"""``sandtable capacity``: the largest rate that holds, and the cheapest configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from sandtable.commands.graph import Manifests, State, read_elsewhere
from sandtable.commands.options import EnvironmentName, Json, Page, print_json, workspace, write_page
from sandtable.commands.sweeps import Ray, Workers, sweep_on
from sandtable.exit_codes import ExitCode

EXAMPLES = """
Examples:

  sandtable capacity prod                                     by its own thresholds

  sandtable capacity prod --threshold 'p95_ttft_ms<700' --search

  sandtable capacity prod --search --budget 9000

  sandtable capacity prod --sensitivity                       which input matters

  sandtable capacity prod --search --ray 10.0.0.7:6379        on a Ray cluster
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("capacity", rich_help_panel="Rehearse", epilog=EXAMPLES)(capacity)


def capacity(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    threshold: Annotated[
        list[str] | None,
        typer.Option("--threshold", "-t", help="What must hold; default: the environment's own limits."),
    ] = None,
    search: Annotated[bool, typer.Option("--search", help="Also find the cheapest replicas, slots, GPUs and spot share.")] = False,
    sensitivity: Annotated[bool, typer.Option("--sensitivity", help="Also find which input moves the tightest threshold most.")] = False,
    risk: Annotated[bool, typer.Option("--risk", help="Also estimate how likely a threshold is missed, by rate and by cost.")] = False,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, help="USD a month that the search may spend; default: the environment's budget.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the traffic.")] = 1,
    manifests: Manifests = None,
    state: State = None,
    workers: Workers = None,
    ray: Ray = None,
    page: Page = None,
    json: Json = False,
) -> None:
    """Find the largest rate of requests that keeps the thresholds and what breaks first; exit 3 if they break at the present rate.

    ENV gives the traffic, the thresholds and the budget, and its program the stack; --manifests and --state read the stack from elsewhere.
    """
    from sandtable.document.answers.capacity import Capacity
    from sandtable.jobs.capacity import capacity as find
    from sandtable.report.answers import capacity_page
    from sandtable.terminal import Steps, out, show_capacity

    space = workspace(context)
    with sweep_on(workers, ray) as sweep:
        found = find(
            environment,
            threshold or (),
            space,
            Steps(quiet=json),
            seed=seed,
            budget_usd=budget,
            search=search,
            sensitivity=sensitivity,
            risk=risk,
            graph=read_elsewhere(space, state, manifests),
            sweep=sweep,
        )
    document = Capacity.of(found)
    write_page(page, lambda: capacity_page(document))
    if json:
        print_json(document)
    else:
        show_capacity(document, out())
    if found.largest.factor < 1:
        raise typer.Exit(ExitCode.THRESHOLD)
