"""The arguments of a member's container: what the stack writes, the twin reads and the member obeys."""

from __future__ import annotations

import argparse
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from foundation.processes.arguments import port, read_arguments

DEFAULT_PORT: Final = 7400
DEFAULT_HEALTH_PORT: Final = 7401
#: A member that has heard no leader for one to two times this stands for election.
DEFAULT_ELECTION_MS: Final = 250


class Reads(enum.StrEnum):
    """How a leader makes sure that it still leads before it answers a read (thesis, 6.4)."""

    INDEX = "index"  # by a round of heartbeats: relies on no clock
    LEASE = "lease"  # by the answers to an earlier round, for 3/4 of the election timeout: relies on clocks that run alike within 10 %


@dataclass(frozen=True, slots=True)
class CoordinationSpec:
    """How a member is to be started.

    Args:
        cluster: the name of the group; members and clients of another one are refused.
        members: name -> host:port of all members, this one among them.
        data: folder of the log and the snapshots.
        certificates: folder with ca.crt, tls.crt, tls.key; None: plain TCP.
        port: for members and clients.
        health_port: of /healthz, /readyz, /metrics.
        election_ms: the shortest time without a leader before an election; a fifth of it lies between two heartbeats.
        name: of this member; None: the host's name, as in a StatefulSet.
        reads: the same for all members.
    """

    cluster: str
    members: Mapping[str, str]
    data: str
    certificates: str | None = None
    port: int = DEFAULT_PORT
    health_port: int = DEFAULT_HEALTH_PORT
    election_ms: int = DEFAULT_ELECTION_MS
    name: str | None = None
    reads: Reads = Reads.INDEX

    def to_args(self) -> list[str]:
        """Return the container's ``args``, those of ``serve``."""
        return [
            f"--cluster={self.cluster}",
            f"--members={','.join(f'{name}={address}' for name, address in self.members.items())}",
            f"--data={self.data}",
            *([f"--certificates={self.certificates}"] if self.certificates else []),
            f"--port={self.port}",
            f"--health-port={self.health_port}",
            f"--election-ms={self.election_ms}",
            *([f"--name={self.name}"] if self.name else []),
            f"--reads={self.reads}",
        ]

    @classmethod
    def from_args(cls, args: Sequence[str]) -> CoordinationSpec:
        """Read a container's ``args``. Raises ``ArgumentsError``."""
        return cls.of(read_arguments(args, "python -m workloads.consensus serve", add_arguments))

    @classmethod
    def of(cls, known: argparse.Namespace) -> CoordinationSpec:
        """Return what was read with ``add_arguments``."""
        return cls(
            known.cluster,
            MappingProxyType(known.members),
            known.data,
            known.certificates,
            known.port,
            known.health_port,
            known.election_ms,
            known.name,
            Reads(known.reads),
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a member's arguments to ``parser``."""
    add_group(parser)
    parser.add_argument("--data", required=True, help="folder of the log and the snapshots; of this member alone")
    parser.add_argument("--port", type=port, default=DEFAULT_PORT, help="for members and clients (default: %(default)s)")
    parser.add_argument("--health-port", type=port, default=DEFAULT_HEALTH_PORT, help="/healthz, /readyz, /metrics (default: %(default)s)")
    parser.add_argument(
        "--election-ms",
        type=_election,
        default=DEFAULT_ELECTION_MS,
        metavar="MS",
        help="without a leader, before an election (%(default)s)",
    )
    parser.add_argument("--name", help="of this member (default: the host's name)")
    parser.add_argument(
        "--reads",
        choices=[each.value for each in Reads],
        default=Reads.INDEX.value,
        help="index: a read asks a majority; lease: the leader relies on clocks that run alike within 10 %% (default: %(default)s)",
    )


def add_group(parser: argparse.ArgumentParser) -> None:
    """Add the arguments by which members and clients find a group."""
    parser.add_argument("--cluster", required=True, help="the name of the group; another one's members and clients are refused")
    parser.add_argument("--members", required=True, type=members, metavar="NAME=HOST:PORT,…", help="all members")
    parser.add_argument("--certificates", metavar="DIR", help="folder with ca.crt, tls.crt and tls.key (default: plain TCP)")


def members(text: str) -> dict[str, str]:
    """Read ``name=host:port,…`` for argparse."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, _, address = part.partition("=")
        host, _, number = address.rpartition(":")
        if not name or not host or name in found:
            raise argparse.ArgumentTypeError(f"{part!r} is not NAME=HOST:PORT, or its name is there twice")
        port(number)
        found[name] = address
    return found


def endpoint(address: str) -> tuple[str, int]:
    """Return host and port of an address."""
    host, _, number = address.rpartition(":")
    return host.strip("[]"), int(number)


def certificates_folder(text: str | None) -> Path | None:
    """Return the folder; None for plain TCP."""
    return Path(text) if text else None


def _election(text: str) -> int:
    if not text.isdigit() or not 50 <= int(text) <= 60_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time from 50 to 60000 ms")
    return int(text)
