"""What the routes of a configuration refer to; whoever else writes routes checks them by the same rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from workloads.gateway.configuration.document import Route, Target

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at ``path`` with ``value``; ``known`` are the names that would be right, if there are any."""

    path: Path
    value: object
    text: str
    known: tuple[str, ...] = ()


def dangling(routes: Mapping[str, Route], providers: Collection[str]) -> Iterator[Mistake]:
    """Yield the routes that lead nowhere; paths begin with the route's name."""
    for name, route in routes.items():
        if not route.targets and route.complexity is None:
            yield Mistake((name,), None, "needs `targets`, or `complexity` with a route for each level")
        for path, target in targets_of(name, route):
            if target.provider not in providers:
                yield unknown((*path, "provider"), target.provider, providers)
        for path, other in _routes_named(name, route):
            if other not in routes:
                yield unknown(path, other, routes)
            elif not routes[other].targets:
                yield Mistake(path, other, "this route has no `targets` of its own")


def targets_of(name: str, route: Route) -> Iterator[tuple[Path, Target]]:
    """Yield the targets and fallbacks of a route with their paths."""
    for key in ("targets", "fallbacks"):
        for index, target in enumerate(getattr(route, key)):
            yield (name, key, index), target


def unknown(path: Path, name: str, known: Collection[str]) -> Mistake:
    """Return the mistake of a name that refers to nothing."""
    return Mistake(path, name, f"{name!r} does not exist; there is {', '.join(known)}", tuple(known))


def _routes_named(name: str, route: Route) -> Iterator[tuple[Path, str]]:
    if (levels := route.complexity) is not None:
        for level in ("simple", "medium", "complex"):
            yield (name, "complexity", level), getattr(levels, level)
    if route.canary is not None:
        yield (name, "canary", "route"), route.canary.route
