"""The work of installing tools: a recipe's command, then its binaries into the cache.

Rule: a tool is installed only if it starts and prints the right version.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolchain.cache import Receipt, digest_of
from toolchain.errors import InstallFailedError
from toolchain.finding.probe import ProbeError, version_of
from toolchain.finding.resolver import Resolver
from toolchain.installing.diagnosis import tail
from toolchain.installing.recipes import Command, Recipe


@dataclass(frozen=True)
class ToolWork:
    """Builds or fetches the tools of one recipe."""

    recipe: Recipe
    resolver: Resolver

    @property
    def subject(self) -> str:
        """Name of the lock and of the log."""
        return self.recipe.subject

    @property
    def title(self) -> str:
        """The tools that it builds."""
        return self.recipe.title

    @property
    def estimate_s(self) -> float:
        """Expected duration on this machine with empty caches."""
        return self.recipe.estimate_s

    def finished(self) -> bool:
        """Whether the cache has all the tools."""
        return all(self.resolver.cache.find(entry.name, self.resolver.key(entry)) for entry in self.recipe.entries)

    def command(self, staging: Path) -> Command:
        """Return the recipe's command."""
        return self.recipe.command(staging)

    def share(self, log: str) -> float:
        """Return the share of packages that are compiled."""
        return self.recipe.share(log)

    def install(self, staging: Path, seconds: float) -> None:
        """Move each binary with its receipt into the cache.

        Raises:
            InstallFailedError: one does not start, or is of another version.
        """
        for entry in self.recipe.entries:
            key = self.resolver.key(entry)
            folder, binary = self.recipe.product(entry, staging)
            path = folder / binary
            try:
                version = version_of(path, entry, environ=self.resolver.environ)
            except ProbeError as error:
                raise self._unfit(entry.name, str(error)) from error
            if version != entry.version:
                raise self._unfit(entry.name, f"says that it is {version}, not {entry.version}")
            receipt = Receipt(
                name=entry.name,
                version=version,
                origin=self.recipe.origin,
                binary=binary,
                sha256=digest_of(path),
                size=path.stat().st_size,
                made_with=self.recipe.made_with,
                seconds=seconds,
            )
            self.resolver.cache.install(folder, receipt, key)

    def _unfit(self, name: str, what: str) -> InstallFailedError:
        log = self.resolver.cache.log(self.subject)
        fix = "report it with the log; the catalogue and the module do not agree"
        last = tail(log.read_text(encoding="utf-8", errors="replace"))
        return InstallFailedError(name, f"what was installed {what}; it is not kept", fix, log=log, tail=last)
