"""The arguments of the federation's containers: what the stack writes, the twin reads and the programs obey.

The definition is one argument, so the graph has all of it, and a rehearsal trains what will be deployed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foundation.processes.arguments import address, port, read_arguments
from foundation.processes.free_port import LOOPBACK
from workloads.federation.definition import Definition
from workloads.federation.errors import DefinitionError

PORT: Final = 8000
HEALTH_PORT: Final = 8080


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """How a server is to be started.

    Attributes:
        definition: what is learned, how and under which terms.
        roster: file with the clients.
        state: folder that outlives the server.
        credentials: folder with ``svid.pem``, ``svid_key.pem`` and ``bundle.pem``.
        port: for clients, HTTP over mutual TLS.
        health_port: for probes and metrics, plain HTTP.
        host: address that it listens on.
        otlp_endpoint: ``http://host:port`` of a collector of spans; empty: there is none.
    """

    definition: Definition
    roster: str
    state: str
    credentials: str
    port: int = PORT
    health_port: int = HEALTH_PORT
    host: str = LOOPBACK
    otlp_endpoint: str = ""

    def to_args(self) -> list[str]:
        """Return the container's ``args``, without the command ``server``."""
        return [*_shared(self), f"--port={self.port}"]

    @classmethod
    def from_args(cls, args: Sequence[str]) -> ServerSpec:
        """Read a container's ``args``. Raises ``ArgumentsError``."""
        return cls(**vars(read_arguments(args, "python -m workloads.federation server", add_server_arguments)))


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """How a client is to be started; fields as in :class:`ServerSpec`.

    Attributes:
        name: as in the roster.
        server: host and port of the server.
        server_identity: SPIFFE ID that the server's certificate must have.
        records: file with the client's own records; empty: its part of the task's, as in a rehearsal.
    """

    definition: Definition
    roster: str
    state: str
    credentials: str
    name: str
    server: str
    server_identity: str
    records: str = ""
    health_port: int = HEALTH_PORT
    host: str = LOOPBACK
    otlp_endpoint: str = ""

    def to_args(self) -> list[str]:
        """Return the container's ``args``, without the command ``client``."""
        own = [f"--name={self.name}", f"--server={self.server}", f"--server-identity={self.server_identity}"]
        return [*_shared(self), *own, *([f"--records={self.records}"] if self.records else [])]

    @classmethod
    def from_args(cls, args: Sequence[str]) -> ClientSpec:
        """Read a container's ``args``. Raises ``ArgumentsError``."""
        return cls(**vars(read_arguments(args, "python -m workloads.federation client", add_client_arguments)))


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the server's arguments to ``parser``."""
    _add_shared(parser)
    parser.add_argument("--port", type=port, default=PORT, help="port for clients (default: %(default)s)")


def add_client_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a client's arguments to ``parser``."""
    _add_shared(parser)
    parser.add_argument("--name", required=True, help="the client's name in the roster")
    parser.add_argument("--server", required=True, type=address, metavar="HOST:PORT", help="where the server listens")
    parser.add_argument("--server-identity", required=True, help="SPIFFE ID in the server's certificate")
    parser.add_argument(
        "--records", default="", help="CSV file: features and the label in each row (default: a part of the task's records)"
    )


def definition(text: str) -> Definition:
    """Read a definition for argparse."""
    try:
        return Definition.from_json(text)
    except DefinitionError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _shared(spec: ServerSpec | ClientSpec) -> list[str]:
    return [
        f"--definition={spec.definition.to_json()}",
        f"--roster={spec.roster}",
        f"--state={spec.state}",
        f"--credentials={spec.credentials}",
        f"--health-port={spec.health_port}",
        f"--host={spec.host}",
        *([f"--otlp-endpoint={spec.otlp_endpoint}"] if spec.otlp_endpoint else []),
    ]


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--definition", required=True, type=definition, metavar="JSON", help="what is learned, how and under which terms")
    parser.add_argument("--roster", required=True, help="JSON file with all clients")
    parser.add_argument("--state", required=True, help="folder for what must survive a restart")
    parser.add_argument("--credentials", required=True, help="folder with svid.pem, svid_key.pem and bundle.pem")
    parser.add_argument("--health-port", type=port, default=HEALTH_PORT, help="port of /live, /ready and /metrics (default: %(default)s)")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: %(default)s)")
    parser.add_argument("--otlp-endpoint", default="", metavar="URL", help="collector of spans, OTLP over HTTP (default: none)")
