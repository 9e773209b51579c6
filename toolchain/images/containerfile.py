"""Reads a Containerfile for what can be made without a registry and without running anything.

Rule: what is not understood is an error, never skipped: an image that lacks a step would fail only when it runs.

Understood: ``FROM python:3.13…``; ``RUN`` with ``pip install``, ``useradd``, ``mkdir`` and ``chown`` joined by ``&&``; ``COPY`` of files of
the project; ``WORKDIR``, ``USER``, ``ENV``; ``ENTRYPOINT`` and ``CMD`` as JSON lists; ``VOLUME`` and ``EXPOSE``, which a pod ignores.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolchain.errors import CatalogueError
from toolchain.images.recipe import PYTHON, PYTHON_PACKAGES

_NUMBER: Final = re.compile(r"\d+")


def read(path: Path) -> dict[str, Any]:
    """Return the fields of the recipe that the file describes.

    Raises:
        CatalogueError: it cannot be read, or has an instruction that cannot be followed here; the text names its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}") from error
    reader = _Reader()
    for number, line in _instructions(text):
        word, _, rest = line.partition(" ")
        try:
            _INSTRUCTIONS[word.upper()](reader, rest.strip())
        except (KeyError, ValueError) as error:
            why = f": {error}" if isinstance(error, ValueError) else ""
            raise CatalogueError(f"{path}, line {number}: `{line[:80]}` cannot be made without running it{why}") from error
    return reader.said


class _Reader:
    """What has been read so far."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {"packages": [], "requirements": [], "files": {}, "folders": {}, "users": {}, "environment": {}}

    def base(self, rest: str) -> None:
        if not rest.startswith(f"python:{PYTHON}."):
            raise ValueError(f"the base made here has Python {PYTHON}")
        self.said["packages"] += PYTHON_PACKAGES
        self.said["links"] = {"/usr/local/bin/python": "/usr/bin/python3"}

    def run(self, rest: str) -> None:
        for step in rest.split("&&"):
            program, *arguments = shlex.split(step)
            if program == "pip" and arguments[0] == "install":
                self.said["requirements"] += [word for word in arguments[1:] if not word.startswith("-")]
            elif program == "useradd":
                self.said["users"][arguments[-1]] = int(arguments[arguments.index("--uid") + 1])
            elif program == "mkdir":
                self.said["folders"] |= {word: 0 for word in arguments if not word.startswith("-")}
            elif program == "chown":
                owner, *folders = (word for word in arguments if not word.startswith("-"))
                self.said["folders"] |= dict.fromkeys(folders, self._user(owner.partition(":")[0]))
            else:
                raise ValueError(f"only pip install, useradd, mkdir and chown are known, not {program}")

    def copy(self, rest: str) -> None:
        *sources, target = shlex.split(rest)
        for source in sources:
            # As Docker has it: into the target where that ends with a slash, otherwise as the target.
            place = PurePosixPath(target, PurePosixPath(source).name) if target.endswith("/") else PurePosixPath(target)
            self.said["files"][str(place)] = source

    def user(self, rest: str) -> None:
        self.said["user"] = self._user(rest.partition(":")[0])

    def workdir(self, rest: str) -> None:
        self.said["workdir"] = rest

    def environment(self, rest: str) -> None:
        self.said["environment"] |= dict(word.split("=", 1) for word in shlex.split(rest))

    def entrypoint(self, rest: str) -> None:
        self.said["entrypoint"] = json.loads(rest)

    def command(self, rest: str) -> None:
        self.said["command"] = json.loads(rest)

    def nothing(self, rest: str) -> None:
        """Accept a note to the reader."""

    def _user(self, name: str) -> int:
        return int(name) if _NUMBER.fullmatch(name) else int(self.said["users"][name])


_INSTRUCTIONS: Final[dict[str, Callable[[_Reader, str], None]]] = {
    "FROM": _Reader.base,
    "RUN": _Reader.run,
    "COPY": _Reader.copy,
    "USER": _Reader.user,
    "WORKDIR": _Reader.workdir,
    "ENV": _Reader.environment,
    "ENTRYPOINT": _Reader.entrypoint,
    "CMD": _Reader.command,
    "EXPOSE": _Reader.nothing,
    "VOLUME": _Reader.nothing,
}


def _instructions(text: str) -> list[tuple[int, str]]:
    """Return the instructions with the numbers of their lines; a backslash continues a line."""
    found: list[tuple[int, str]] = []
    begun, held = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        begun = begun or number
        held += line.rstrip().removesuffix("\\") + " "
        if not line.rstrip().endswith("\\"):
            found.append((begun, held.strip()))
            begun, held = 0, ""
    return found
