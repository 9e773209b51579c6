"""What `sandtable doctor` prints: every tool of the catalogue, where it comes from, and the command that provides each missing one.

Rule: it never raises, never installs, changes nothing, and answers within two seconds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from toolchain.cache import digest_of
from toolchain.catalogue import ToolEntry
from toolchain.errors import ToolchainError, ToolMissingError
from toolchain.finding.resolver import INSTALL, Origin, Resolver, Search, fix_for

# Longer than any tool takes on a busy machine (Chromium: 0.3 s), and within the overall limit, because all tools are probed in parallel.
_VERSION_TIMEOUT_S = 1.5


@dataclass(frozen=True)
class ToolStatus:
    """One line of the doctor's table."""

    name: str
    purpose: str
    needed_for: tuple[str, ...]
    """Jobs that need it; empty if it is optional."""
    wanted: str
    """The version that we install, and the versions that are accepted when found."""
    found: str | None
    origin: Origin | None
    path: Path | None
    licence: str
    sha256: str | None
    """Current checksum of the file; None if it was not read."""
    size_bytes: int | None
    problem: str | None
    fix: str | None
    """One command; None if there is nothing to fix."""


def status(resolver: Resolver | None = None, *, verify: bool = True) -> list[ToolStatus]:
    """Return one line for each tool of the catalogue, in its order.

    Args:
        resolver: the machine; default: this one.
        verify: read every file, and compare the checksums of cached tools with those recorded at installation.
    """
    resolver = resolver or Resolver(version_timeout_s=_VERSION_TIMEOUT_S)
    with ThreadPoolExecutor(max_workers=len(resolver.catalogue)) as pool:
        return list(pool.map(lambda entry: _line(resolver, entry, verify=verify), resolver.catalogue.values()))


def _line(resolver: Resolver, entry: ToolEntry, *, verify: bool) -> ToolStatus:
    try:
        search = resolver.search(entry.name)
    except ToolMissingError as error:
        return _describe(Search(entry, None), error.reason, error.fix)
    except (ToolchainError, OSError) as error:
        return _describe(Search(entry, None), str(error), INSTALL)
    tool = search.tool
    if tool is None:
        passed_over = "; ".join(f"{copy.path} {copy.reason}" for copy in search.rejected)
        return _describe(search, passed_over or "not found", fix_for(entry))
    sha256 = _digest(tool.path) if verify else None
    if tool.origin == "configured" and not entry.rule.accepts(tool.version):
        problem = f"is {tool.version}, wanted {entry.accepts}; used anyway because {entry.variable} names it"
        return _describe(search, problem, f"unset {entry.variable}", sha256)
    if verify and search.installed is not None and sha256 != search.installed.receipt.sha256:
        return _describe(search, "its checksum is not the one recorded when it was installed", INSTALL, sha256)
    return _describe(search, None, None, sha256)


def _describe(search: Search, problem: str | None, command: str | None, sha256: str | None = None) -> ToolStatus:
    entry, tool = search.entry, search.tool
    return ToolStatus(
        name=entry.name,
        purpose=entry.purpose,
        needed_for=entry.jobs,
        wanted=f"{entry.version} ({entry.accepts})" if entry.accepts else entry.version,
        found=tool.version if tool else next((copy.version for copy in search.rejected if copy.version), None),
        origin=tool.origin if tool else None,
        path=tool.path if tool else None,
        licence=entry.licence,
        sha256=sha256,
        size_bytes=_size(tool.path) if tool else None,
        problem=problem,
        fix=command,
    )


def _digest(path: Path) -> str | None:
    try:
        return digest_of(path)
    except OSError:  # as for the size; or the file is executable but not readable
        return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:  # one of our own scripts that has not been needed yet
        return None
