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
