"""Loopback ports of one cluster, the same at every start unless another process takes one."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final

from foundation.processes.atomic_file import write_text
from foundation.processes.attempts import attempts
from foundation.processes.free_port import is_taken

# Below the ephemeral port range, so that no outgoing connection takes the ports of a stopped cluster.
_FIRST, _COUNT = 20_000, 12_000
_CLOSES_WITHIN_S: Final = 2.0


@dataclass(frozen=True)
class Ports:
    """Ports of one cluster, all on loopback, except that the API's may be on its site's address."""

    etcd: int
    etcd_peer: int
    api: int
    controller_manager: int
    scheduler: int

    @classmethod
    def free(cls, seed: str, *, api: int | None = None) -> Ports:
        """Choose free ports; ``seed`` spreads clusters that start together over the range, ``api`` fixes the API's."""
        start = zlib.crc32(seed.encode())
        candidates = (_FIRST + (start + step) % _COUNT for step in range(_COUNT))
        chosen = cls(*_take(len(fields(cls)), candidates))
        return chosen if api is None else replace(chosen, api=api)

    @classmethod
    def read(cls, path: Path) -> Ports | None:
        """Return the ports stored in ``path``, None if there are none."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Store the ports in ``path``."""
        write_text(path, json.dumps(asdict(self)))


def stays_taken(port: int) -> bool:
    """Whether ``port`` stays in use; the sockets of a killed process close a moment after the process is gone."""
    return all(is_taken(port) for _ in attempts(_CLOSES_WITHIN_S, 0.02))


def _take(count: int, candidates: Iterator[int]) -> Iterator[int]:
    for port in candidates:
        if count and not is_taken(port):
            count -= 1
            yield port
