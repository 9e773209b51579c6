"""Errors of an engine, by cause, and the exit code that reports each to its parent process."""

from __future__ import annotations

from typing import ClassVar


class EngineError(Exception):
    """Base of every error raised by ``workloads.engine``; the text is shown to the operator unchanged."""

    exit_code: ClassVar[int] = 1


class ModelFileError(EngineError):
    """The model named by the operator cannot be served; the message says why and how to fix it."""

    exit_code = 2


class PortTakenError(EngineError):
    """Another program listens on the engine's port."""

    exit_code = 3


class EngineStartError(EngineError):
    """The engine ended, or did not answer in time, before it served its first request; carries the last lines of its log."""
