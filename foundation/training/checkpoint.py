"""Checkpoints: named arrays and a few facts in one file that is either whole and ours, or refused.

Rule 1: no pickle. A checkpoint that somebody else wrote cannot run code; arrays are NumPy's own format (NEP 1), facts are JSON.
Rule 2: the file carries its kind, the recipe of its run and a digest of all that follows. Resuming another run's checkpoint is an error.
Rule 3: it replaces the previous one atomically (``atomic_file``): a worker killed while writing leaves the last good one.

Layout: a line of magic, a line with the SHA-256 of the rest, a line of JSON (kind, recipe, facts), an uncompressed ``.npz``.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import FoundationError
from foundation.processes.atomic_file import write_bytes

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

_MAGIC: Final = b"SANDTABLE CHECKPOINT 2\n"


_REMEDY: Final = "delete it to begin anew, or name another folder"


class CheckpointError(FoundationError):
    """A checkpoint cannot be written, is damaged, or belongs to something else; names the file and the remedy."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run.

    ``kind`` names the program and algorithm (``reinforcement/ppo``), ``recipe`` the settings that a resumed run must share; ``facts`` hold
    what is not an array: the step, a curve, the state of a random generator.
    """

    kind: str
    recipe: Mapping[str, Any]
    facts: Mapping[str, Any]
    arrays: Arrays


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> int:
    """Write ``checkpoint`` in place of ``path``; return its size in bytes.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written; the previous checkpoint is unchanged.
    """
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(checkpoint.arrays))
    head = {"kind": checkpoint.kind, "recipe": dict(checkpoint.recipe), "facts": dict(checkpoint.facts)}
    rest = json.dumps(head, sort_keys=True).encode() + b"\n" + buffer.getvalue()
    content = _MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        raise CheckpointError(
            f"{path}: the checkpoint of {len(content):,} bytes cannot be written: {error.strerror}; the previous one is unchanged; "
            "free space there or name another folder"
        ) from error
    return len(content)


def load_checkpoint(path: Path, kind: str, recipe: Mapping[str, Any] | None = None) -> Checkpoint:
    """Read a checkpoint of ``kind``.

    Args:
        path: the file.
        kind: of the run that is to be resumed.
        recipe: its settings; None: any, for evaluation.

    Raises:
        CheckpointError: it is missing, damaged, no checkpoint, of another kind, or of other settings.
    """
    import numpy as np

    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}; name the checkpoint of a run") from error
    if not content.startswith(_MAGIC):
        raise CheckpointError(f"{path}: not a checkpoint of this program (it begins with {content[:8]!r}); {_REMEDY}")
    digest, _, rest = content[len(_MAGIC) :].partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        raise CheckpointError(f"{path}: damaged: its content does not match its digest; {_REMEDY}")
    line, _, body = rest.partition(b"\n")
    with restoring(path):
        head: dict[str, Any] = json.loads(line)
        found = Checkpoint(head["kind"], dict(head["recipe"]), dict(head["facts"]), {})
    if found.kind != kind:
        raise CheckpointError(f"{path}: a checkpoint of {found.kind}, not of {kind}; {_REMEDY}")
    if recipe is not None and (other := _differing(found.recipe, recipe)):
        raise CheckpointError(f"{path}: written with other settings: {other}; {_REMEDY}")
    with restoring(path), np.load(io.BytesIO(body), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return Checkpoint(found.kind, found.recipe, found.facts, arrays)


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Turn what a block stumbles over that reads the content of a checkpoint into a :class:`CheckpointError`.

    A checkpoint may be whole and of the right kind, and yet lack what this program looks for: another version has written it.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path}: its content is not what this program writes ({error}); {_REMEDY}") from error


def _differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    wanted = json.loads(json.dumps(wanted))  # tuples became lists when it was written
    keys = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
    return ", ".join(f"{key} {found.get(key)!r}, now {wanted.get(key)!r}" for key in keys)
