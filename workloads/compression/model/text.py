"""The text that the model learns: documentation and sources that the project owns, split into training and held-out parts.

Rule 1: the split is by paragraph and by content: a paragraph whose SHA-256 begins with a digit below the share is held out, so it stays on
its side when other text is added.
Rule 2: a paragraph that stands in the text twice is used once; otherwise copies would leak over the split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from workloads.compression.errors import TextError

_HELD_OUT: Final = 26  # of 256: a tenth
_LEAST_BYTES: Final = 4096
_KINDS: Final = frozenset({".md", ".py"})


@dataclass(frozen=True)
class Text:
    """Training and held-out bytes as tokens, each of shape (bytes,)."""

    training: Tensor
    held_out: Tensor


def read_text(sources: Sequence[Path]) -> Text:
    """Read ``*.md`` and ``*.py`` of every folder in ``sources``, and files named there.

    Raises:
        TextError: a source cannot be read, or there is too little text.
    """
    files = [file for source in sources for file in (_texts(source) if source.is_dir() else [source])]
    paragraphs: dict[str, None] = {}
    for file in files:
        try:
            content = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TextError(f"{file}: cannot be read as UTF-8 text: {error}; name text files or folders of them with --text") from error
        paragraphs |= dict.fromkeys(part.strip() for part in content.split("\n\n"))
    return split(paragraphs)


def _texts(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix in _KINDS)


def split(paragraphs: Sequence[str] | dict[str, None]) -> Text:
    """Return ``paragraphs`` as tokens, about a tenth of them held out.

    Raises:
        TextError: a side has fewer than 4096 bytes of text.
    """
    sides: tuple[list[str], list[str]] = ([], [])
    for paragraph in paragraphs:
        if paragraph:
            sides[hashlib.sha256(paragraph.encode()).digest()[0] < _HELD_OUT].append(paragraph)
    training, held_out = ("\n\n".join(side).encode() for side in sides)
    if min(len(training), len(held_out)) < _LEAST_BYTES:
        raise TextError(
            f"{len(training)} bytes to train on, {len(held_out)} held out, each of which must be at least {_LEAST_BYTES}; name more "
            "with --text, in paragraphs between empty lines"
        )
    return Text(tokens(training), tokens(held_out))


def tokens(text: bytes) -> Tensor:
    """Return the tokens of ``text``: its bytes, of shape (bytes,)."""
    return torch.from_numpy(np.frombuffer(text, dtype=np.uint8).astype(np.int64))
