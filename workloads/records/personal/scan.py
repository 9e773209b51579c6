"""Looks for bytes in files: the proof of an erasure (GDPR Article 5(2))."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path


def find_bytes(needles: Iterable[str], places: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return every file in ``places`` (folders with all below them) that holds one of ``needles`` in any form that we write.

    Looked for are UTF-8, UTF-16, JSON escapes, base64 at each of its three alignments, and hexadecimal digits; names of files and
    targets of links count as well.
    """
    forms = [(needle, form) for needle in needles for form in _forms(needle)]
    found = []
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            content = path.name.encode() + b"\0" + (str(path.readlink()).encode() if path.is_symlink() else b"")
            if path.is_file():
                content += path.read_bytes()
            found += [(path, needle) for needle, form in forms if form in content]
    return found


def _forms(needle: str) -> set[bytes]:
    plain = needle.encode()
    shifted = [b64encode(bytes(shift) + plain) for shift in range(3)]
    # The first and the last group of base64 also hold bits of what stands around.
    aligned = [code[4 if shift else 0 : len(code) - 4] for shift, code in enumerate(shifted)]
    forms = {plain, needle.encode("utf-16-le"), needle.encode("utf-16-be"), json.dumps(needle)[1:-1].encode(), plain.hex().encode()}
    return forms | {code for code in aligned if len(code) >= 8}
