"""Pictures that the job of a rehearsal has left in its folder: learning curves, size against loss."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LARGEST_BYTES: Final = 256 * 1024
"""A chart of ours has a few kilobytes; a larger file is left out of the page."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG file of the job called ``job``."""

    job: str
    name: str
    svg: bytes


def read_pictures(folder: Path) -> tuple[Picture, ...]:
    """Return the SVG files in the folders of the jobs of a run, by job and path; what is too large is left out."""
    return tuple(
        Picture(path.relative_to(folder).parts[0], path.stem, path.read_bytes())
        for path in sorted(folder.glob("*/**/*.svg"))
        if path.is_file() and path.stat().st_size <= _LARGEST_BYTES
    )
