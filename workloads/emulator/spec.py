"""The arguments of an emulator container: what the stack writes, the twin reads and the emulator obeys."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foundation.processes.arguments import port, read_arguments

DEFAULT_PORT: Final = 8090


@dataclass(frozen=True, slots=True)
class EmulatorSpec:
    """How an emulator is to be started; ``profile`` is a name (``instant``, ``typical``) or the path of a JSON file."""

    profile: str = "typical"
    seed: int = 0
    port: int = DEFAULT_PORT

    def to_args(self) -> list[str]:
        """Return the container's ``args``."""
        return [f"--profile={self.profile}", f"--seed={self.seed}", f"--port={self.port}"]

    @classmethod
    def from_args(cls, args: Sequence[str]) -> EmulatorSpec:
        """Read a container's ``args``. Raises ``ArgumentsError``."""
        known = read_arguments(args, "python -m workloads.emulator", add_arguments)
        return cls(known.profile, known.seed, known.port)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the emulator's arguments to ``parser``."""
    default = EmulatorSpec()
    parser.add_argument("--profile", default=default.profile, help="instant, typical, or a JSON file (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of latencies, lengths and texts (default: %(default)s)")
    parser.add_argument("--port", type=port, default=default.port, help="port to listen on (default: %(default)s)")
