"""The arguments of an application's container: what the stack writes and the program obeys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PORTS: Final = {"game": 8095, "recommender": 8096}
"""Where each application listens unless told otherwise."""
METRICS_PORT: Final = 9465


@dataclass(frozen=True, slots=True)
class ApplicationSpec:
    """How the application ``program`` is to be started: it serves the policy in the file ``policy``, and waits until it is there.

    Only the recommender has a ``catalogue``, a JSON file of items by genre.
    """

    program: str
    policy: str
    catalogue: str | None = None

    @property
    def port(self) -> int:
        """Where it answers."""
        return PORTS[self.program]

    def to_args(self) -> list[str]:
        """Return the container's ``args``."""
        everywhere = "0.0.0.0"  # noqa: S104  # of its own pod; the network policy says who comes in
        return [
            f"workloads.applications.{self.program}",
            "serve",
            f"--policy={self.policy}",
            "--wait",
            f"--host={everywhere}",
            f"--port={self.port}",
            f"--metrics-address={everywhere}:{METRICS_PORT}",
            *([] if self.catalogue is None else [f"--catalogue={self.catalogue}"]),
        ]
