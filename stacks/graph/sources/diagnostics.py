"""What the Pulumi engine says of a run that failed."""

from __future__ import annotations

from typing import Final

_WORDS_KEPT: Final = 600


def brief(message: str) -> str:
    """Return an error of the engine in one line: of a traceback only what was raised, of everything else the first words."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if any(line.startswith("Traceback ") for line in lines):
        lines = lines[-1:]
    text = " ".join(" ".join(lines).split()).removeprefix("error: ")
    return text if len(text) <= _WORDS_KEPT else f"{text[:_WORDS_KEPT]} …"
