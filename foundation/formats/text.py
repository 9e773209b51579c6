"""Decodes the bytes of a file: UTF-8, or UTF-16 with a byte order mark.

PowerShell 5.1 writes UTF-16 with ``>``, and later versions a byte order mark before UTF-8. YAML 1.1 (section 5.2) allows UTF-16, as kubectl
does.
"""

from __future__ import annotations

import codecs
from typing import Final

_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UTF_32: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_REMEDY: Final = "save it as UTF-8 (in PowerShell: `… | Out-File -Encoding utf8 FILE`)"


def decode(content: bytes) -> str:
    """Return the text of ``content``, without its byte order mark.

    Raises:
        ValueError: it is UTF-32, UTF-16 without a byte order mark, or in another encoding than UTF-8; the message names it and the remedy.
    """
    if content.startswith(_UTF_32):
        raise ValueError(f"it is UTF-32; {_REMEDY}")
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    if not mark and b"\0" in content[:2]:  # every second byte of English text in UTF-16
        raise ValueError(f"it is UTF-16 without a byte order mark; {_REMEDY}")
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        place = len(mark) + error.start
        raise ValueError(f"it is not {encoding[:6].removesuffix('-').upper()}: byte {content[place]:#04x} at {place}; {_REMEDY}") from None
