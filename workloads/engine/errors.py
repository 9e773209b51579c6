"""What can go wrong with an engine, by whose fault it is, and the exit code that says so to whoever started it."""

from __future__ import annotations

from typing import ClassVar


class EngineError(Exception):
    """Base of every error raised by ``workloads.engine``; the text is shown to the operator as it is."""

    exit_code: ClassVar[int] = 1


class ModelFileError(EngineError):
    """The model named by the operator cannot be served; says why and what would do."""

    exit_code = 2


class PortTakenError(EngineError):
    """Another program listens on the engine's port."""

    exit_code = 3


class EngineStartError(EngineError):
    """The engine ended, or did not answer in time, before it served its first request; carries the last lines of its log."""
