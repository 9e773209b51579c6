"""Use, cost and errors by tenant and model, from the ledgers of gateways.

A ledger has a line of JSON for each request (``workloads.gateway``). Money is integer nano-dollars, so sums are exact.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

from workloads.mapreduce.errors import InputError
from workloads.mapreduce.jobs.job import Job
from workloads.mapreduce.splits import Split

_COUNTED: Final = ("input", "output", "cache_read", "nano_usd", "wasted_nano_usd", "attempts")


class Usage(Job):
    """One line for each tenant and model."""

    name: ClassVar = "usage"
    purpose: ClassVar = "requests, tokens, cost and errors by tenant and model, over gateway ledgers"
    combines: ClassVar = True

    def map(self, block: bytes, split: Split) -> Iterable[tuple[bytes, Any]]:
        """Sum the requests of a block; a torn line, which a killed gateway leaves behind, is counted as such."""
        sums: dict[bytes, list[int]] = {}
        for line in block.splitlines():
            key, values = _read(line, split)
            known = sums.get(key)
            sums[key] = values if known is None else self.combine(known, values)
        return sums.items()

    def combine(self, one: list[int], other: list[int]) -> list[int]:
        """Add field by field."""
        return [a + b for a, b in zip(one, other, strict=True)]

    def reduce(self, key: bytes, values: Iterator[Any]) -> Iterable[bytes]:
        """Write a JSON document a tenant and model."""
        total = next(values)
        for value in values:
            total = self.combine(total, value)
        tenant, _, model = key.decode().partition("\x1f")
        if not tenant:
            yield json.dumps({"torn_lines": total[0]}).encode()
            return
        requests, errors, *sums = total
        document = {"tenant": tenant, "model": model, "requests": requests, "errors": errors, **dict(zip(_COUNTED, sums, strict=True))}
        yield json.dumps(document).encode()


def _read(line: bytes, split: Split) -> tuple[bytes, list[int]]:
    try:
        entry = json.loads(line)
    except ValueError:
        return b"\x1f", [1, 0, *(0 for _ in _COUNTED)]
    try:
        key = f"{entry['tenant']}\x1f{entry['model']}".replace("\t", " ").encode()
        return key, [1, int(bool(entry["error"])), *(int(entry[name] or 0) for name in _COUNTED)]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{split.path}: a line is no entry of a gateway's ledger ({error!r}): {line[:80]!r}") from error
