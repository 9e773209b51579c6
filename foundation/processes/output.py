"""The log output of a child process."""

from __future__ import annotations

from pathlib import Path


def last_lines(log: Path, count: int, *, start: int = 0) -> list[str]:
    """Return the last ``count`` lines of ``log`` that are not blank, from byte ``start`` on; empty if it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]
