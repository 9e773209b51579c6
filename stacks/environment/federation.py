"""Federated learning: what is learned under which terms, and the pods that do it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from stacks.environment.slips import Slip
from stacks.environment.values import Model, Name, Pods, Priority
from stacks.environment.workloads import Resources
from workloads.federation.definition import Definition as FederationDefinition

if TYPE_CHECKING:
    from stacks.environment.definition import Definition


class Federation(Model):
    """Federated learning: one server and its clients."""

    servers: Annotated[int, Field(ge=0, le=1)] = 1
    """One server owns the state of a run; 0: nothing is learned."""
    clients: Pods = 10
    pool: Name = "laptop"
    client_pool: Name | None = None
    """Default: the server's pool. Clients may come and go, so a spot pool is fine."""
    server_resources: Resources = Resources(cpu=0.5, memory_gib=1.0)
    client_resources: Resources = Resources(cpu=0.25, memory_gib=0.5)
    priority: Priority = "training"
    definition: FederationDefinition = FederationDefinition()
    """What is learned, how, and under which terms."""


def federation_slips(environment: Definition) -> Iterator[Slip]:
    """Yield where clients and definition do not fit together."""
    section = environment.federation
    if section.servers and section.clients and (problem := section.definition.problem(section.clients)):
        yield Slip(("federation", "clients"), section.clients, problem)
