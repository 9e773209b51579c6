"""The arguments of a gateway container: what the stack writes and the gateway reads. Everything else is in the configuration file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foundation.processes.arguments import port, read_arguments

DEFAULT_PORT: Final = 8080


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    """How a gateway is to be started."""

    config: str
    port: int = DEFAULT_PORT

    def to_args(self) -> list[str]:
        """Return the container's ``args``."""
        return [f"--config={self.config}", f"--port={self.port}"]

    @classmethod
    def from_args(cls, args: Sequence[str]) -> GatewaySpec:
        """Read a container's ``args``. Raises ``ArgumentsError``."""
        known = read_arguments(args, "python -m workloads.gateway", add_arguments)
        return cls(known.config, known.port)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the gateway's arguments to ``parser``."""
    parser.add_argument(
        "--config", required=True, help="the configuration, JSON or YAML; read again on SIGHUP and when it or a key changes"
    )
    parser.add_argument("--port", type=port, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)")
