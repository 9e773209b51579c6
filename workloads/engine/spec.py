"""The arguments of an engine container: what the stack writes, the twin reads and the engine obeys.

This is the engine's published port. The Deployment's container says ``python -m workloads.engine <arguments>``; nothing about an
engine is written anywhere else.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DEFAULT_PORT: Final = 8080
_HIGHEST_PORT: Final = 65_535


class EngineArgumentError(ValueError):
    """The arguments of an engine container are invalid; the message names the argument."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How an engine is to be started.

    ``model`` is the path of a GGUF file, ``synthetic`` for the small random-weight model that the engine writes on the spot, or ``tiny``
    for the small model that ``workloads.compression`` has trained.
    ``slots`` requests are decoded together; each may use ``context_tokens`` (prompt and output). ``threads`` are CPU threads.
    """

    model: str = "synthetic"
    slots: int = 4
    context_tokens: int = 1024
    threads: int = 1
    port: int = DEFAULT_PORT

    def to_args(self) -> list[str]:
        """Return the container's ``args``."""
        return [
            f"--model={self.model}",
            f"--slots={self.slots}",
            f"--context-tokens={self.context_tokens}",
            f"--threads={self.threads}",
            f"--port={self.port}",
        ]

    @classmethod
    def from_args(cls, args: Sequence[str]) -> EngineSpec:
        """Read a container's ``args``.

        Raises:
            EngineArgumentError: an argument is unknown or has no sensible value.
        """
        parser = _Parser(prog="python -m workloads.engine", allow_abbrev=False)
        add_arguments(parser)
        known = parser.parse_args(list(args))
        return cls(known.model, known.slots, known.context_tokens, known.threads, known.port)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # argparse would end the process
        raise EngineArgumentError(message)


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def _port(text: str) -> int:
    if (value := _positive(text)) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{value} is over {_HIGHEST_PORT}")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the engine's arguments to ``parser``."""
    default = EngineSpec()
    parser.add_argument("--model", default=default.model, help="path of a GGUF file, 'synthetic' or 'tiny' (default: %(default)s)")
    parser.add_argument("--slots", type=_positive, default=default.slots, help="requests decoded together (default: %(default)s)")
    parser.add_argument("--context-tokens", type=_positive, default=default.context_tokens, help="tokens a slot (default: %(default)s)")
    parser.add_argument("--threads", type=_positive, default=default.threads, help="CPU threads (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=default.port, help="loopback port (default: %(default)s)")
