"""The ledger: one line of JSON per request, appended before the client sees the end of its response.

Rule 1: a line is a single ``write`` to a file opened for appending, so lines of several processes do not interleave, and written lines
survive any signal. There is no guarantee after a power failure.
Rule 2: a line is torn only by a signal or a full disk. A reader skips and counts it, and the next line begins on a line of its own.
Rule 3: money is integer nano-dollars.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.dialects import json_bytes
from workloads.gateway.errors import LedgerError


class Ledger:
    """An open ledger; without a path only the sums are kept."""

    def __init__(self, path: Path | None) -> None:
        self.nano_usd = 0
        self.requests = 0
        self.broken = ""
        """Why the last record could not be written; empty if it could."""
        self._file: int | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if os.fstat(self._file).st_size and not _ends_with_line(path):
                os.write(self._file, b"\n")
        except OSError as error:
            raise LedgerError(f"{path}: the ledger cannot be written: {error.strerror}") from error

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; it has ``nano_usd``.

        Raises:
            LedgerError: the write fails.
        """
        self.requests += 1
        self.nano_usd += record["nano_usd"]
        if self._file is None:
            return
        self._write(json_bytes.encode(record) + b"\n")

    def heal(self) -> None:
        """Try to end a torn line; the ledger is no longer ``broken`` if that can be written."""
        with contextlib.suppress(LedgerError):
            self._write(b"\n")

    def _write(self, line: bytes) -> None:
        assert self._file is not None
        if self.broken and line != b"\n":
            line = b"\n" + line
        try:
            whole = os.write(self._file, line) == len(line)
            self.broken = "" if whole else "the ledger's disk is full"
        except OSError as error:
            self.broken = f"the ledger cannot be written: {error.strerror}"
        if self.broken:
            raise LedgerError(self.broken)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _ends_with_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


@dataclass(frozen=True, slots=True)
class Sum:
    """The totals of a ledger."""

    requests: int
    nano_usd: int
    torn: int
    by_tenant: dict[str, int]


def records(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the records of a ledger, None for a torn line.

    Raises:
        LedgerError: there is no such file.
    """
    try:
        with path.open("rb") as file:
            for line in file:
                if line == b"\n":
                    continue  # it ended a torn line
                try:
                    record = json_bytes.decode(line)
                except ValueError:
                    record = None
                yield record if isinstance(record, dict) and line.endswith(b"\n") else None
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror}") from error


def reconcile(path: Path) -> Sum:
    """Add up a ledger."""
    count, total, torn = 0, 0, 0
    by_tenant: dict[str, int] = {}
    for record in records(path):
        if record is None:
            torn += 1
            continue
        count += 1
        total += record["nano_usd"]
        by_tenant[record["tenant"]] = by_tenant.get(record["tenant"], 0) + record["nano_usd"]
    return Sum(count, total, torn, by_tenant)
