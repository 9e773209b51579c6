"""The whole environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr, model_validator

from stacks.environment.cluster import NodePool, Region
from stacks.environment.consistency import slips
from stacks.environment.definition import Definition
from stacks.environment.slips import InconsistentError


class Environment(Definition):
    """One environment, checked for consistency."""

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The absolute path of its file; None if a program created it."""
        return self._file

    def model_post_init(self, context: Any, /) -> None:
        """Keep the file's path, which comes in the validation context: it is not a field, because users do not write it."""
        self._file = context

    def pool(self, name: str) -> NodePool:
        """Return the node pool called ``name`` (validated to exist)."""
        return next(pool for pool in self.node_pools if pool.name == name)

    def region(self, name: str) -> Region:
        """Return the region called ``name`` (validated to exist)."""
        return next(region for region in self.regions if region.name == name)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if found := list(slips(self)):
            raise InconsistentError(found)
        return self
