"""Errors of the toolchain, by cause. Each message can be shown to an operator unchanged."""

from __future__ import annotations

from pathlib import Path


class ToolchainError(Exception):
    """Base of every error raised by ``toolchain``."""


class CatalogueError(ToolchainError):
    """The catalogue itself is wrong; the message names the entry, the value and what is allowed."""


class UnknownToolError(ToolchainError):
    """The catalogue has no tool or job of this name; the message suggests the closest one."""


class CacheError(ToolchainError):
    """The folder of built and fetched tools cannot be read or written: full, read-only, or not a folder."""


class ToolMissingError(ToolchainError):
    """A tool is missing on this machine, or its version does not fit.

    Args:
        name: of the tool in the catalogue.
        reason: what was searched for, and where.
        fix: one command, or one thing to do.
    """

    def __init__(self, name: str, reason: str, fix: str) -> None:
        self.name, self.reason, self.fix = name, reason, fix
        super().__init__(f"{name}: {reason}\n  to fix: {fix}")


class InstallFailedError(ToolMissingError):
    """A build or a download failed; its log is kept.

    Args:
        name: of the tool in the catalogue.
        reason: the cause found in the log, in plain words.
        fix: what to do.
        log: the whole output.
        tail: its last lines.
    """

    def __init__(self, name: str, reason: str, fix: str, *, log: Path, tail: str) -> None:
        self.log, self.tail = log, tail
        indented = "\n".join(f"    {line}" for line in tail.splitlines())
        super().__init__(name, f"{reason}\n  the last lines of {log}:\n{indented}", fix)
