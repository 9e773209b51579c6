"""The options that say where many simulations run."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from sandtable.errors import UsageError

if TYPE_CHECKING:
    from simulations.sweeps import Workers as Processes
    from simulations.sweeps.on_ray import OnRay

Workers = Annotated[int | None, typer.Option("--workers", min=1, max=256, help="Worker processes; default: one for each CPU.")]
Ray = Annotated[str | None, typer.Option("--ray", metavar="ADDRESS", help="Run on this Ray cluster instead (host:port, or auto).")]


def sweep_on(workers: int | None, ray: str | None) -> AbstractContextManager[Processes | OnRay]:
    """Return what runs a sweep; it ends with the block.

    Raises:
        UsageError: both were named.
        SimulationError: no Ray cluster can be used at that address.
    """
    if workers and ray:
        raise UsageError("choose one of --workers and --ray")
    if ray:
        from simulations.sweeps.on_ray import OnRay

        return OnRay(ray)
    from simulations.sweeps import Workers as Processes

    return Processes(workers or len(os.sched_getaffinity(0)))
