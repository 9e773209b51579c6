"""References to container images; ``stacks/images.toml`` is the only place that names a registry or a tag."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from stacks.errors import ConfigurationError

CATALOGUE: Final = Path(__file__).parents[1] / "images.toml"


class Catalogue(NamedTuple):
    """The content of ``images.toml``."""

    own_registry: str
    """Registry of the platform's own images, the entries without a ``registry``."""
    entries: dict[str, dict[str, Any]]


def image(name: str) -> str:
    """Return the reference of the image called ``name``: ``registry/repository@sha256:…`` or ``registry/repository:tag``.

    Raises:
        ConfigurationError: the entry has neither a digest nor an exact tag.
    """
    own_registry, entries = catalogue()
    entry = entries[name]
    repository = f"{entry.get('registry', own_registry)}/{entry['repository']}"
    if digest := entry.get("digest"):
        return f"{repository}@{digest}"
    if entry.get("tag", "latest") == "latest":
        raise ConfigurationError(f"{CATALOGUE}: [{name}]: an exact `tag` or a `digest` is needed, so that a rollout means one thing")
    return f"{repository}:{entry['tag']}"


@cache
def catalogue() -> Catalogue:
    """Return the whole catalogue."""
    document = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return Catalogue(document.pop("own_registry"), document)
