"""Provides tools: finds the existing ones, downloads and builds the rest.

Rule: only the requested tools are built, plus Go if something must be compiled and no fitting Go exists; everything is announced before it
starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from toolchain.cache import explained, remove
from toolchain.catalogue import ToolEntry, platform
from toolchain.errors import ToolMissingError
from toolchain.finding.resolver import Resolver, Search, Tool, missing
from toolchain.installing.progress import BuildProgress, Listener
from toolchain.installing.recipes import Recipe, expected_s, from_module, from_wheel, own_go_caches
from toolchain.installing.runner import run
from toolchain.installing.tools import ToolWork


@dataclass(frozen=True)
class InstallStep:
    """One build or download that is needed."""

    tools: tuple[str, ...]
    how: Literal["build", "wheel"]
    estimate_s: float
    size_mb: float


@dataclass(frozen=True)
class InstallPlan:
    """The steps needed to provide all requested tools; empty if none is needed."""

    steps: tuple[InstallStep, ...]

    @property
    def estimate_s(self) -> float:
        """Total duration. Builds share the cores, so running two at a time does not halve it."""
        return sum(step.estimate_s for step in self.steps)


def plan(names: Iterable[str], resolver: Resolver | None = None, *, verify: bool = False) -> InstallPlan:
    """Return what :func:`ensure` would build for ``names`` (with the same ``verify``), without changing anything.

    Raises:
        UnknownToolError, ToolMissingError: as :func:`ensure`.
    """
    resolver = resolver or Resolver()
    entries = [search.entry for search in _lacking(names, resolver, verify=verify)]
    steps = [InstallStep((entry.name,), "wheel", entry.wheel.seconds, entry.size_mb) for entry in entries if entry.wheel]
    steps += [
        InstallStep(tuple(entry.name for entry in group), "build", expected_s(group), sum(entry.size_mb for entry in group))
        for group in _groups(entries)
    ]
    return InstallPlan(tuple(steps))


def obtainable(names: Iterable[str], resolver: Resolver | None = None) -> tuple[str, ...]:
    """Return those of ``names`` that are present or installable; for the others `sandtable doctor` shows the fix.

    Raises:
        UnknownToolError: a name is not in the catalogue.
    """
    resolver = resolver or Resolver()
    found = []
    for name in dict.fromkeys(names):
        with suppress(ToolMissingError):  # only the operator can fix a configured path that cannot be run
            search = resolver.search(name)
            if search.tool is not None or _can_install(search.entry):
                found.append(name)
    return tuple(found)


def ensure(
    names: Iterable[str], *, on_progress: Listener | None = None, resolver: Resolver | None = None, verify: bool = False
) -> dict[str, Tool]:
    """Return the tools called ``names``; missing ones are downloaded or built first, two at a time.

    Args:
        names: of tools; ``tools_for(job)`` gives those of a job.
        on_progress: called with the plan, then with the progress.
        resolver: the machine; default: this one.
        verify: check the cached tools and rebuild those that differ from what was installed.

    Raises:
        UnknownToolError: a name is not in the catalogue.
        ToolMissingError: one is missing and Sandtable cannot install it; nothing was built.
        InstallFailedError: a build or a download failed.
        CacheError: the cache cannot be written.
    """
    resolver = resolver or Resolver()
    names = list(dict.fromkeys(names))
    if verify:
        _drop_damaged(names, resolver)
    listener: Listener = on_progress or (lambda _event: None)
    lacking = [search.entry for search in _lacking(names, resolver)]
    for step in plan(names, resolver).steps:
        listener(BuildProgress(", ".join(step.tools), "planned", 0.0, step.estimate_s, 0.0))
    if resolver.go is None and _groups(lacking):
        # Go is installed first and alone: builds need it, and their cache keys contain its release line.
        run([ToolWork(from_wheel(resolver.catalogue["go"], resolver.environ), resolver)], resolver.cache, listener)
        resolver.forget_go()
        lacking = [search.entry for search in _lacking(names, resolver)]
    run([ToolWork(recipe, resolver) for recipe in _recipes(lacking, resolver)], resolver.cache, listener)
    return {name: resolver.resolve(name) for name in names}


def _lacking(names: Iterable[str], resolver: Resolver, *, verify: bool = False) -> list[Search]:
    """Return the searches without a tool, Go first if one of them must be compiled; raise for one that cannot be installed.

    With ``verify``, a damaged tool counts as missing.
    """
    searches = [
        search
        for name in dict.fromkeys(names)
        if (search := resolver.search(name)).tool is None or (verify and search.installed is not None and not search.installed.intact())
    ]
    if resolver.go is None and any(search.entry.build for search in searches):
        searches = [resolver.search("go"), *(search for search in searches if search.entry.name != "go")]
    for search in searches:
        if not _can_install(search.entry):
            raise missing(search)
    return searches


def _can_install(entry: ToolEntry) -> bool:
    return entry.installable and (entry.wheel is None or platform() in entry.wheel.sha256)


def _groups(entries: Iterable[ToolEntry]) -> list[tuple[ToolEntry, ...]]:
    """Return the builds, grouped by module and flags, the longest first (so that both slots are busy until the end)."""

    def together(entry: ToolEntry) -> tuple[str, ...]:
        build = entry.build
        assert build is not None
        return (build.folder, str(build.cgo), *build.tags, "", *build.ldflags)

    compiled = sorted((entry for entry in entries if entry.build), key=together)
    groups = [tuple(group) for _, group in groupby(compiled, key=together)]
    return sorted(groups, key=lambda group: -sum(entry.build.seconds for entry in group if entry.build))


def _recipes(entries: Iterable[ToolEntry], resolver: Resolver) -> list[Recipe]:
    entries = list(entries)
    recipes = [from_wheel(entry, resolver.environ) for entry in entries if entry.wheel]
    caches = own_go_caches(resolver.environ, resolver.cache.root)
    for group in _groups(entries):
        assert resolver.go is not None
        recipes.append(from_module(group, resolver.go, resolver.environ, caches=caches, modules=resolver.catalogue.modules))
    return recipes


def _drop_damaged(names: Iterable[str], resolver: Resolver) -> None:
    for name in names:
        installed = resolver.search(name).installed
        if installed is not None and not installed.intact():
            with explained(installed.folder):
                remove(installed.folder)
            if name == "go":
                resolver.forget_go()
