"""The arguments of a gateway container: what the stack writes and the gateway obeys. All else stands in the configuration file."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final

DEFAULT_PORT: Final = 8080
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    """How a gateway is to be started."""

    config: str
    port: int = DEFAULT_PORT

    def to_args(self) -> list[str]:
        """Return the container's ``args``."""
        return [f"--config={self.config}", f"--port={self.port}"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the gateway's arguments to ``parser``."""
    parser.add_argument("--config", required=True, help="the configuration, JSON or YAML; read again on SIGHUP and when it changes")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)")


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, which is a number from 1 to {_HIGHEST_PORT}")
    return int(text)
