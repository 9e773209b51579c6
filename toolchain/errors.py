"""What can go wrong on this floor, by whose fault it is. Each text is fit to be shown to an operator as it is."""

from __future__ import annotations

from pathlib import Path


class ToolchainError(Exception):
    """Base of every error raised by ``toolchain``."""


class CatalogueError(ToolchainError):
    """The catalogue itself is wrong: names the entry, the value and what is allowed."""


class UnknownToolError(ToolchainError):
    """The caller asked for a name that the catalogue does not have; the text has the nearest one."""


class CacheError(ToolchainError):
    """The folder of built and fetched tools cannot be read or written: full, read-only, or not a folder."""


class ToolMissingError(ToolchainError):
    """This machine lacks a tool, or has one that does not fit.

    Args:
        name: of the tool in the catalogue.
        reason: what was looked for, and where.
        fix: one command, or one thing to do.
    """

    def __init__(self, name: str, reason: str, fix: str) -> None:
        self.name, self.reason, self.fix = name, reason, fix
        super().__init__(f"{name}: {reason}\n  to fix: {fix}")


class InstallFailedError(ToolMissingError):
    """A build or a download ended badly; its log is kept.

    Args:
        name: of the tool in the catalogue.
        reason: what the log says, in plain words.
        fix: what to do.
        log: the whole output.
        tail: its last lines.
    """

    def __init__(self, name: str, reason: str, fix: str, *, log: Path, tail: str) -> None:
        self.log, self.tail = log, tail
        indented = "\n".join(f"    {line}" for line in tail.splitlines())
        super().__init__(name, f"{reason}\n  the last lines of {log}:\n{indented}", fix)
