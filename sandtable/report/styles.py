"""The style sheets, by name: ``colours`` (light, dark, paper), ``page``, ``tables``, ``charts``, ``print``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from markupsafe import Markup

_FOLDER: Final = Path(__file__).parent / "style"


def style(name: str) -> Markup:
    """Return one style sheet, ready for a ``style`` element."""
    return Markup((_FOLDER / f"{name}.css").read_text(encoding="utf-8"))  # noqa: S704  # a file of this package
