"""Diagnostics of the Pulumi engine about a failed run."""

from __future__ import annotations

import re
from typing import Final

_WORDS_KEPT: Final = 600
#: What the Kubernetes provider says before the reason: the URN that the line is about anyway, and that an object did not get ready.
_NOT_LIVE: Final = re.compile(
    r'\d+ errors? occurred: \* resource "urn:[^"]*" was successfully (?:created|updated), '
    r"but the Kubernetes API server reported that it failed to fully initialize or become live: "
)


def brief(message: str) -> str:
    """Return an error of the engine as one line: the exception of a traceback, the beginning of anything else."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if any(line.startswith("Traceback ") for line in lines):
        lines = lines[-1:]
    text = _NOT_LIVE.sub("", " ".join(" ".join(lines).split()).removeprefix("error: "))
    return text if len(text) <= _WORDS_KEPT else f"{text[:_WORDS_KEPT]} …"
