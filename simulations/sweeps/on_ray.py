"""A sweep on a Ray cluster. Ray is an optional dependency (group ``ray``), and every node needs this project as well."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from simulations.errors import SimulationError
from simulations.sweeps.port import Answer, Item

#: Seconds in which the head of a cluster accepts a connection.
_ANSWERS_S: Final = 10.0


class OnRay:
    """Sends each item to the cluster at ``address`` (``host:port`` of its head, or ``auto`` for the one on this machine).

    Raises:
        SimulationError: Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise SimulationError("--ray needs Ray, which is not installed: install the dependency group `ray`") from None
        self._ray = ray
        host, _, port = address.rpartition(":")
        try:
            if host and port.isdecimal():
                socket.create_connection((host, int(port)), timeout=_ANSWERS_S).close()  # Ray itself would try for a minute
            # Ray looks for this machine under the address that it has outside, where a cluster on loopback does not know it.
            here = {"_node_ip_address": host} if host.startswith("127.") else {}
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False, **here)
        except (OSError, OverflowError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise SimulationError(f"--ray {address}: no Ray cluster can be used there ({reason}); `ray start --head` begins one") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ray.shutdown()

    def map(self, run: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """Return ``run`` of each item.

        Raises:
            SimulationError: the cluster went away, or a worker was killed.
        """
        task = self._ray.remote(run)
        try:
            return list(self._ray.get([task.remote(item) for item in items]))
        except self._ray.exceptions.RaySystemError as error:
            raise SimulationError(f"the Ray cluster failed: {str(error).strip().splitlines()[0]}") from error
