"""Replaces invisible and control characters in text from outside by their codes, because terminals and parsers act on them.

Rule 1: text from outside passes through here on its way to a terminal, a chart or a report.
Rule 2: the list of characters is fixed, so that every version of Python gives the same result.
"""

from __future__ import annotations

import re
from typing import Final

# Control characters (terminals obey ESC, XML 1.0 has no way to say most of them), marks that change the direction of writing, characters
# without a width, lone surrogates (UTF-8 cannot carry them) and the non-characters that XML refuses.
_UNSEEN: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\udfff\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff"
    "\\U000e0000-\\U000e007f]"
)
_LINE_ENDS: Final = "\t\n\r"


def seen(text: str) -> str:
    r"""Return ``text`` on one line, with each invisible character in Python's escape syntax.

    >>> print(seen("web\x1b[31m"))
    web\x1b[31m
    """
    return _UNSEEN.sub(lambda sign: sign[0].encode("unicode_escape", "surrogatepass").decode(), text)


def seen_lines(text: str) -> str:
    """Do the same for multi-line text, keeping line ends and tabs."""
    return _UNSEEN.sub(lambda sign: sign[0] if sign[0] in _LINE_ENDS else seen(sign[0]), text)
