"""``sandtable images``."""

from __future__ import annotations

from typing import Literal

from sandtable.document.parts.base import Part


class ImageRow(Part):
    """One image that the stack names."""

    name: str
    reference: str
    """As the stack's pods name it."""
    state: Literal["made", "missing", "unavailable"]
    """``missing``: not made yet, or made from what has changed since."""
    version: str
    """The version that is made here; empty if none can be."""
    differs: bool
    """Whether that is not the version which the stack pins."""
    reason: str
    """Why it cannot be made here; empty if it can."""
    digest: str | None
    size_bytes: int | None
    """Of its compressed layers; shared ones count in each image."""
    unpacked_bytes: int | None


class Images(Part):
    """Every image that the stack names, and what this machine has of it."""

    images: tuple[ImageRow, ...]
    stored_bytes: int
    """All layers together, each once."""


class Pruned(Part):
    """What ``sandtable images prune`` removed."""

    freed_bytes: int
    kept: tuple[str, ...]
    """References of the images that were kept."""
