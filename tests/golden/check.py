"""Compares a text with the golden file that is kept for it; ``SANDTABLE_UPDATE_GOLDEN=1`` rewrites the files, for review as a diff."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent


def check(name: str, text: str) -> None:
    """Assert that ``text`` is what the file ``name`` holds; trailing blanks of lines do not count."""
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    path = FOLDER / name
    if os.environ.get("SANDTABLE_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} is missing: write it with SANDTABLE_UPDATE_GOLDEN=1"
    assert text == path.read_text(encoding="utf-8"), (
        f"{name} differs; if that is meant, run with SANDTABLE_UPDATE_GOLDEN=1 and review the diff"
    )
