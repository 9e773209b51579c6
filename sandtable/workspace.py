"""The folder of a project's data: ``<root>/.sandtable`` with clusters, Pulumi state, baselines and runs."""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from foundation.formats.json_text import decode
from foundation.processes import atomic_file
from sandtable.errors import MissingError, UsageError

_NOWHERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of a project. Nothing is created before it is needed."""

    root: Path

    @property
    def folder(self) -> Path:
        """``<root>/.sandtable``."""
        return self.root / ".sandtable"

    def prepare(self, name: str = "") -> Path:
        """Create the folder, or its subfolder ``name``, so that a failure is reported before minutes of work.

        Raises:
            UsageError: it cannot be created or written (read-only, full, a file in its place).
        """
        folder = self.folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise _not_made(folder, error) from error
        return folder

    def new_run(self, environment: str, now: datetime | None = None) -> Path:
        """Make the folder of a new run; its name sorts by time.

        Raises:
            UsageError: the folder cannot be made (read-only, full).
        """
        stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
        for attempt in range(1, 100):
            path = self.folder / "runs" / f"{stamp}-{environment}{'' if attempt == 1 else f'-{attempt}'}"
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise _not_made(path, error) from error
            return path
        raise UsageError(f"{self.folder / 'runs'}: a hundred runs began in the same second; remove some")

    def latest_run(self) -> Path:
        """Return the latest finished run.

        Raises:
            MissingError: there is no such run.
            PermissionError: the folder of the runs is not readable.
        """
        runs = self.folder / "runs"
        # Not `glob`, which treats an unreadable folder as empty.
        found = sorted(runs.iterdir(), reverse=True) if _is_folder(runs) else []
        for run in found:
            if (run / "rehearsal.json").is_file():
                return run
        raise MissingError(f"no finished rehearsal in {runs}: run `sandtable rehearse dev` first")

    def run(self, name: str) -> Path:
        """Return the folder of the run of this name.

        Raises:
            MissingError: there is no such run.
        """
        if not _is_folder(folder := self.folder / "runs" / name):
            raise MissingError(f"no run {name!r} in {folder.parent}: list that folder for the names of runs")
        return folder

    def calibration(self, environment: str) -> Path:
        """File of the latest calibration of the engine of ``environment``; it need not exist."""
        return self.folder / "engines" / environment / "calibration.json"

    def baseline(self, environment: str) -> Path:
        """File of the baseline of ``environment``; it need not exist."""
        return self.folder / "baselines" / f"{environment}.json"

    def verification(self, environment: str) -> Path:
        """File of the latest verification of ``environment``; it need not exist."""
        return self.folder / "verifications" / f"{environment}.json"


def _is_folder(path: Path) -> bool:
    """Whether the folder exists. An unreadable parent is an error; newer versions of `is_dir` would return False."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        if error.errno in _NOWHERE:
            return False
        raise


def _not_made(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path}: cannot be created: {error.strerror}; free some space, make the folder writable, or choose another with --root"
    )


def write_json(path: Path, document: Any) -> None:
    """Write ``document`` atomically.

    Raises:
        UsageError: see :func:`write_text`.
    """
    write_text(path, json.dumps(document, indent=2, sort_keys=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically; create the folder if it is missing.

    Raises:
        UsageError: the disk is full or the folder read-only; an older file is left unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write_text(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}; free some space or make the folder writable") from error


def read_json(path: Path) -> Any:
    """Read a document that sandtable or Pulumi wrote.

    Raises:
        UsageError: it is not JSON, or nested too deeply.
    """
    try:
        return decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
