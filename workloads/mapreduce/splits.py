"""Splits of the input: byte ranges of files that begin and end at lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workloads.mapreduce.errors import InputError

SPLIT_BYTES: Final = 64 * 1024 * 1024
_BLOCK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Split:
    """The lines of ``path`` that begin at ``start`` or later and before ``end``, in bytes."""

    path: str
    start: int
    end: int


def splits_of(inputs: Sequence[Path], split_bytes: int = SPLIT_BYTES) -> list[Split]:
    """Return the splits of all files, in order; an empty file has none.

    Raises:
        InputError: a file is missing or is a folder.
    """
    found = []
    for path in inputs:
        try:
            size = path.stat().st_size
            if path.is_dir():
                raise InputError(f"{path}: is a folder; name its files")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        found += [Split(str(path), start, min(start + split_bytes, size)) for start in range(0, size, split_bytes)]
    return found


def blocks(split: Split) -> Iterator[bytes]:
    """Yield whole lines in blocks of about a megabyte. A line belongs to the split that it begins in.

    Raises:
        InputError: the file cannot be read, or is shorter than it was.
    """
    try:
        with Path(split.path).open("rb") as file:
            at = split.start
            if at:
                file.seek(at - 1)
                at += len(file.readline()) - 1  # the rest of a line that began in the split before
            while at < split.end:
                block = file.read(min(_BLOCK_BYTES, split.end - at))
                if not block:
                    raise InputError(f"{split.path}: ends at byte {at}, and it had {split.end} when the job began")
                if not block.endswith(b"\n"):
                    block += file.readline()
                at += len(block)
                yield block
    except OSError as error:
        raise InputError(f"{split.path}: {error.strerror}") from error
