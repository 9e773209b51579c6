"""Diagnostics of the Pulumi engine about a failed run."""

from __future__ import annotations

from typing import Final

_WORDS_KEPT: Final = 600


def brief(message: str) -> str:
    """Return an error of the engine as one line: the exception of a traceback, the beginning of anything else."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if any(line.startswith("Traceback ") for line in lines):
        lines = lines[-1:]
    text = " ".join(" ".join(lines).split()).removeprefix("error: ")
    return text if len(text) <= _WORDS_KEPT else f"{text[:_WORDS_KEPT]} …"
