"""Documents as JSON: the one writer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sandtable.workspace import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from sandtable.document.parts.base import Part


def to_text(document: Part) -> str:
    """Return the document as JSON text of several lines."""
    return json.dumps(document.model_dump(mode="json"), indent=2, allow_nan=False)


def write(path: Path, document: Part) -> None:
    """Write the document atomically; create the folder if it is missing.

    Raises:
        UsageError: the disk is full or the folder read-only.
    """
    write_text(path, to_text(document) + "\n")
