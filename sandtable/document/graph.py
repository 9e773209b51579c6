"""``graph.json``: the resources of a stack, as ``stacks.graph`` holds them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sandtable.document.parts.base import Part


class GraphResource(Part):
    """One resource with its inputs."""

    urn: str
    type: str
    name: str
    parent: str | None = None
    depends_on: tuple[str, ...] = ()
    inputs: dict[str, Any] = Field(default_factory=dict)


class StackGraph(Part):
    """The resources of one stack, ordered by URN."""

    digest: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
    source: str = ""
    """Where they were read from, in a few words."""
    unseen: tuple[str, ...] = ()
    """What belongs to the stack but is not among the resources, a sentence each."""
    resources: tuple[GraphResource, ...]
