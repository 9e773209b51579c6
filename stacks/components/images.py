"""References of container images; ``stacks/images.toml`` is the only place where a tag is written."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

from stacks.errors import ConfigurationError

CATALOGUE: Final = Path(__file__).parents[1] / "images.toml"


def image(name: str) -> str:
    """Return the reference of the image called ``name`` in the catalogue: ``repository@sha256:…`` or ``repository:tag``.

    Raises:
        ConfigurationError: the entry has neither a digest nor an exact tag.
    """
    entry = catalogue()[name]
    if digest := entry.get("digest"):
        return f"{entry['repository']}@{digest}"
    if entry.get("tag", "latest") == "latest":
        raise ConfigurationError(f"{CATALOGUE}: [{name}]: an exact `tag` or a `digest` is needed, so that a rollout means one thing")
    return f"{entry['repository']}:{entry['tag']}"


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Return the whole catalogue by name."""
    return tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
