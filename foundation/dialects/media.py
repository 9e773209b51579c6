"""Images and other media as the wires carry them: data URLs and their limits."""

from __future__ import annotations

import re
from typing import Final

from foundation.dialects.model.content import Media, MediaKind
from foundation.dialects.model.errors import RequestError

_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)((?:;[\w=.+-]+)*?);base64,", re.ASCII)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII).fullmatch
MAX_MEDIA_CHARACTERS: Final = 28 * 1024 * 1024  # 20 MiB in base64: the smallest of the four providers' limits


def parse_data_url(url: str, kind: MediaKind, at: str, *, detail: str = "") -> Media:
    """Read ``data:image/png;base64,…`` or keep any other URL.

    Raises:
        RequestError: an invalid data URL, or a scheme other than http and https.
    """
    if url.startswith("data:"):
        found = _DATA_URL.match(url)
        if found is None:
            raise RequestError(f"{at} must be data:<type>/<subtype>;base64,<data>")
        return Media(kind, found[1].lower(), data=checked_base64(url[found.end() :], at), detail=detail)
    if not url.startswith(("https://", "http://")):
        raise RequestError(f"{at} must be an http or https URL, or a data URL")
    return Media(kind, "", url=url, detail=detail)


def checked_base64(data: str, at: str) -> str:
    """Return base64 text that is within its limits.

    Raises:
        RequestError: it is not base64, or longer than 20 MiB of content.
    """
    if len(data) > MAX_MEDIA_CHARACTERS:
        raise RequestError(f"{at} is larger than 20 MiB")
    if not data or not _BASE64(data):
        raise RequestError(f"{at} must be base64 without line breaks")
    return data


def data_url(media: Media) -> str:
    """Return media as one URL."""
    return media.url if media.url is not None else f"data:{media.media_type};base64,{media.data}"
