"""Signs in names and texts of others that a reader would not see, but whose program obeys: shown by their code instead.

Rule 1: what somebody else wrote passes here on its way to a terminal, into a picture or into a report.
Rule 2: the list is closed and written down, so that every version of Python says the same.
"""

from __future__ import annotations

import re
from typing import Final

# Control characters (terminals obey ESC, XML 1.0 has no way to say most of them), marks that turn the direction of writing, signs
# without a width, half signs (UTF-8 cannot carry them) and the non-characters that XML refuses.
_UNSEEN: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\udfff\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff"
    "\\U000e0000-\\U000e007f]"
)
_LINE_ENDS: Final = "\t\n\r"


def seen(text: str) -> str:
    r"""Return ``text`` in one line, each sign that cannot be seen as Python would escape it.

    >>> print(seen("web\x1b[31m"))
    web\x1b[31m
    """
    return _UNSEEN.sub(lambda sign: sign[0].encode("unicode_escape", "surrogatepass").decode(), text)


def seen_lines(text: str) -> str:
    """Return a whole text likewise, its line ends and tabs as they are."""
    return _UNSEEN.sub(lambda sign: sign[0] if sign[0] in _LINE_ENDS else seen(sign[0]), text)
