"""The rows of ``sandtable validate``: every module below :mod:`simulations.validation.published` defines ``ROW`` or ``ROWS``."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from simulations.validation import published
from simulations.validation.row import Row


def rows(package: ModuleType = published) -> dict[str, Row]:
    """Return every row below ``package`` by its name, sorted by subject (folder), then file.

    Raises:
        ValueError: two rows have the same name.
    """
    found: dict[str, Row] = {}
    for row in _defined(package):
        if row.id in found:
            raise ValueError(f"two rows are named {row.id!r}")
        found[row.id] = row
    return found


def _defined(package: ModuleType) -> Iterator[Row]:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.ispkg:
            loaded = import_module(module.name)
            yield from loaded.ROWS if hasattr(loaded, "ROWS") else (loaded.ROW,)
