"""A digest inside of a GGUF file: the format has none, so a flipped bit in a weight would be a weight.

The digest is a metadata string of 64 hexadecimal digits: the SHA-256 of the file with zeros in its place. Engines ignore the key. Files of
other programs have none and are not checked.
"""

from __future__ import annotations

import mmap
from hashlib import sha256
from pathlib import Path
from typing import Final

from workloads.compression.errors import ModelFileError

#: Metadata key, to be written with :data:`UNSEALED` within the first page of the file.
KEY: Final = "sandtable.sha256"
UNSEALED: Final = "0" * 64
_FIRST_PAGE: Final = 4096
_BEFORE_TEXT: Final = 4 + 8  # a metadata value begins with its type, a string with its length


def seal(path: Path) -> None:
    """Put the digest of a file into its place. Raises ``OSError``."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = slice(at := _place(content), at + len(UNSEALED))
        content[place] = UNSEALED.encode()
        content[place] = sha256(content).hexdigest().encode()


def check_seal(path: Path) -> None:
    """Compare a file with its digest, if it has one.

    Raises:
        ModelFileError: it was changed or damaged after it was written.
        OSError, ValueError: it cannot be read, or is empty.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if (place := _place(content)) < 0:
            return
        after = place + len(UNSEALED)
        digest = sha256(content[:place] + UNSEALED.encode())
        with memoryview(content) as view:
            digest.update(view[after:])
        if content[place:after] != digest.hexdigest().encode():
            raise ModelFileError(f"{path}: damaged: its content does not match its digest; make it again")


def _place(content: mmap.mmap) -> int:
    """Return where the digest's text begins; -1 if there is none."""
    at = content.find(KEY.encode(), 0, _FIRST_PAGE)
    return at if at < 0 else at + len(KEY) + _BEFORE_TEXT
