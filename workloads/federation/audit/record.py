"""One line of the audit log, and the head that says where the log ends.

A line is JSON with sorted keys and no blanks. Only this canonical form is valid, so no bit of a line can change unnoticed. ``previous`` is
the SHA-256 of the previous line; in the first line, that of the public key. ``signature`` is Ed25519 (RFC 8032) over the line without it.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def head_path(path: Path) -> Path:
    """Return the path of the head of a log."""
    return path.with_name(path.name + ".head")


def origin(public_key: Ed25519PublicKey) -> str:
    """Return the value of ``previous`` in the first line."""
    return sha256(b"sandtable audit 1\n" + public_key.public_bytes_raw()).hexdigest()


def digest(line: bytes) -> str:
    """Return the digest of a line without its line feed, which the next line contains."""
    return sha256(line).hexdigest()


def canonical(content: dict[str, Any]) -> bytes:
    """Return the canonical text of ``content``.

    Raises:
        ValueError, TypeError: it cannot be represented in JSON, such as NaN.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def signed(content: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """Return the text of ``content`` with its signature."""
    return canonical({**content, "signature": key.sign(canonical(content)).hex()})


def read_signed(line: bytes, key: Ed25519PublicKey) -> dict[str, Any] | None:
    """Return the content of a text, without its signature; None if it is not canonical or not signed with ``key``."""
    try:
        content = json.loads(line)
        if canonical(content) != line:
            return None
        written = content.pop("signature")
        signature = bytes.fromhex(written)
        if signature.hex() != written:  # capital letters stand for the same bytes
            return None
        key.verify(signature, canonical(content))
    except (ValueError, TypeError, KeyError, AttributeError, InvalidSignature, RecursionError):
        return None
    return dict(content)
