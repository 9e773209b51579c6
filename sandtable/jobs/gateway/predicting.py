"""The gateway's part of a prediction."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sandtable.jobs.gateway.overhead import ASSUMED

if TYPE_CHECKING:
    from sandtable.jobs.gateway.overhead import Overhead
    from simulations.gateway import DeployedGateway, GatewayModel
    from stacks.environment import Environment
    from stacks.graph import Graph


def gateway_of(graph: Graph, environment: Environment) -> DeployedGateway | None:
    """Return the gateway that the load of ``environment`` goes through; None if it goes straight to the engines."""
    from simulations.gateway import DeployedGateway

    return DeployedGateway.from_graph(graph) if environment.traffic.mix else None


def model_of(deployed: DeployedGateway, texts_seed: int, overhead: Overhead = ASSUMED) -> GatewayModel:
    """Return the twin's model of a gateway; prices are those of today."""
    from simulations.gateway import GatewayModel

    midnight = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return GatewayModel.of(
        deployed, overhead_s=overhead.added_s, provenance=overhead.provenance, texts_seed=texts_seed, unix_s=midnight.timestamp()
    )


def stand_ins(door: DeployedGateway) -> tuple[str, ...]:
    """Return sentences on the providers for which an emulator stands, for the reader of a report."""
    said = []
    if own := ", ".join(name for name in door.configuration.providers if door.is_emulated(name)):
        said.append(f"Providers {own} are emulated, as deployed: their times are drawn from the profile, their prices are real.")
    if outside := ", ".join(door.outside):
        said.append(
            f"Providers {outside} are outside the stack, and no load is sent to them: an emulator stands for them, with the profile "
            f"`{door.stand_in.profile}`, which is assumed; their prices are real."
        )
    return tuple(said)
