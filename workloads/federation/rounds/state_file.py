"""A file of vectors with a JSON header: replaced as a whole, synced, with a digest.

The first line is the header; the vectors follow as little-endian float64, in the order in which the header names them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from foundation.processes.atomic_file import replacing
from workloads.federation.errors import StateError
from workloads.federation.models.network import Vector


def write_state(path: Path, header: Mapping[str, Any], vectors: Mapping[str, Vector]) -> None:
    """Replace ``path``.

    Raises:
        StateError: it cannot be written; the old content stays.
    """
    payload = b"".join(vector.astype("<f8").tobytes() for vector in vectors.values())
    content = {"header": dict(header), "vectors": {name: len(vector) for name, vector in vectors.items()}}
    first = json.dumps({**content, "sha256": _digest(content, payload)}, sort_keys=False).encode()
    try:
        with replacing(path, mode=0o600) as partial, partial.open("wb") as file:
            file.write(first + b"\n" + payload)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}; its last content stays") from error


def read_state(path: Path) -> tuple[dict[str, Any], dict[str, Vector]] | None:
    """Return header and vectors; None if there is no such file.

    Raises:
        StateError: it cannot be read, or is damaged.
    """
    try:
        first, _, payload = path.read_bytes().partition(b"\n")
        content = json.loads(first)
        digest = content.pop("sha256")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(f"{path} is damaged or holds no state; restore it from a copy") from error
    if digest != _digest(content, payload):
        raise StateError(f"{path} was changed or damaged: its digest does not fit; restore it from a copy")
    vectors, start = {}, 0
    for name, length in content["vectors"].items():
        vectors[name] = np.frombuffer(payload, "<f8", length, start).astype(np.float64)
        start += 8 * length
    return content["header"], vectors


def _digest(content: Mapping[str, Any], payload: bytes) -> str:
    return sha256(json.dumps(content).encode() + b"\n" + payload).hexdigest()
