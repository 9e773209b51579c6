"""Text in Markdown: escaped, so that it can neither break a table nor inject markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~@&!])")


def to_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; empty without rows. Cells are escaped, except those that are code already."""
    written = [" | ".join(cell if cell.startswith("`") else plain(cell.strip()) for cell in row) for row in rows]
    if not written:
        return ""
    return "\n".join(f"| {line} |" for line in (" | ".join(head), " | ".join("---" for _ in head), *written))


def plain(text: str) -> str:
    """Return ``text`` on one line with every special character escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return ``text`` as code; characters that would end the code or the table cell are replaced."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', '¦')}`"
