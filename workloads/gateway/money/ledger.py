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
from typing import Any, BinaryIO, Final

from foundation.dialects import json_bytes
from workloads.gateway.errors import LedgerError

#: Records of one process are in the order of their ends; those of several mix within less than this.
_NEAR_BYTES: Final = 262_144


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
                yield _record(line)
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror}") from error


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json_bytes.decode(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and line.endswith(b"\n") else None


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


def spent_since(path: Path, unix_s: float) -> dict[tuple[str, str], int]:
    """Return the nano-dollars of each tenant and key since a time, so that a budget outlives the process that kept it.

    Raises:
        LedgerError: the file cannot be read.
    """
    spent: dict[tuple[str, str], int] = {}
    try:
        with path.open("rb") as file:
            file.seek(_first_since(file, unix_s))
            for line in file:
                record = _record(line)
                if record is not None and record.get("at", 0) >= unix_s:
                    holder = record["tenant"], record["key"]
                    spent[holder] = spent.get(holder, 0) + record["nano_usd"]
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror}") from error
    return spent


def _first_since(file: BinaryIO, unix_s: float) -> int:
    """Return an offset, at or shortly before the first record since a time: a ledger of months is not read from its beginning."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > _NEAR_BYTES:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        record = next((record for line in file if (record := _record(line)) is not None), None)
        if record is not None and record.get("at", 0) < unix_s:
            low = middle
        else:
            high = middle
    return low
