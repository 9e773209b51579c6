"""Names of cache entries: a digest of everything that a tool is made from.

Rule 1: equal inputs give an equal key on every machine of one platform; any changed input (go.mod, go.sum, a source file, a flag) changes
the key.
Rule 2: Go's release line (``go1.26``) is part of the key, its patch number is not: a patch must not trigger a rebuild of a quarter of an
hour, a new line may. The receipt records the exact release.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from toolchain.catalogue import GoBuild, ToolEntry, platform
from toolchain.versions import numbers

#: Compiler flags: no debugging symbols, which the linker would drop anyway; compiling takes a sixth less time.
COMPILER: Final = "all=-dwarf=false"

#: Any line of Go, for looking into the cache on a machine without Go.
ANY_GO: Final = "*"


def wheel_key(entry: ToolEntry) -> str:
    """Return the key of the wheel of ``entry``."""
    assert entry.wheel is not None
    checksum = entry.wheel.sha256.get(platform(), "none")
    return f"{entry.version}-wheel-{checksum[:12]}"


def build_key(entry: ToolEntry, go_line: str, modules: Path) -> str:
    """Return the key of ``entry`` as built by a Go of the line ``go_line`` (or :data:`ANY_GO`: a glob)."""
    assert entry.build is not None
    digest = hashlib.sha256()
    for path in sources(entry.build, modules):
        digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    digest.update("\0".join([entry.build.package, *entry.build.tags, "", COMPILER, *ldflags(entry), str(entry.build.cgo)]).encode())
    return f"{entry.version}-{digest.hexdigest()[:12]}-{go_line}-{platform()}"


def go_line(version: str) -> str:
    """Return the release line of a Go version: ``1.26.8`` gives ``go1.26``."""
    return "go" + ".".join(str(part) for part in numbers(version)[:2])


def sources(build: GoBuild, modules: Path) -> list[Path]:
    """Return the committed input files of the build, by path: those of modules that it replaces are in folders below its own."""
    folder = modules / build.folder
    return sorted([*folder.rglob("go.mod"), folder / "go.sum", *folder.rglob("*.go")])


def ldflags(entry: ToolEntry) -> tuple[str, ...]:
    """Return the linker's flags with the version filled in; symbol tables are left out (``-s -w``)."""
    assert entry.build is not None
    major, minor, *_ = *numbers(entry.version), 0
    filled = (flag.format(version=entry.version, major=major, minor=minor) for flag in entry.build.ldflags)
    return ("-s", "-w", *filled)
