"""The arguments of an emulator container: what the stack writes, the twin reads and the emulator obeys."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final

_HIGHEST_PORT: Final = 65_535
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the emulator's arguments to ``parser``."""
    default = EmulatorSpec()
    parser.add_argument("--profile", default=default.profile, help="instant, typical, or a JSON file (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of latencies, lengths and texts (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=default.port, help="port to listen on (default: %(default)s)")


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, which is a number from 1 to {_HIGHEST_PORT}")
    return int(text)
