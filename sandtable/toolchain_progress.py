"""Shows what the toolchain is doing: an estimate before a build starts, then one line a tool, or bars on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolchain import Tool


def ensure(names: Sequence[str], *, quiet: bool = False) -> dict[str, Tool]:
    """Find, download or build the tools called ``names`` and show the progress on stderr, unless ``quiet``.

    Raises:
        toolchain.ToolchainError: one cannot be had.
    """
    import toolchain

    raise NotImplementedError
