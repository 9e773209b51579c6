"""From the name that a client asks for to the route that serves it: complexity first, then the canary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from foundation.dialects.model.errors import ErrorKind, RequestError
from workloads.gateway.routing.complexity import classify
from workloads.gateway.routing.plan import takes_canary
from workloads.gateway.runtime import LiveRoute, Runtime

if TYPE_CHECKING:
    from foundation.dialects.model.request import ChatRequest


class Asked(Protocol):
    """A request as far as the choice looks at it. ``request`` may be read only when it is needed."""

    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def request(self) -> ChatRequest: ...  # noqa: D102
    @property
    def user(self) -> str: ...  # noqa: D102


def choose_route(runtime: Runtime, inquiry: Asked, tenant: str) -> tuple[LiveRoute, str]:
    """Return the route, and why it is another than the one of that name.

    Raises:
        RequestError: there is no route of that name, or the request cannot be read.
    """
    route = runtime.routes.get(inquiry.model)
    if route is None:
        raise RequestError(f"there is no model {inquiry.model[:100]!r} here", ErrorKind.NOT_FOUND)
    reasons: list[str] = []
    if (by := route.settings.complexity) is not None:
        level = classify(inquiry.request)
        route = runtime.routes[{"simple": by.simple, "medium": by.medium, "complex": by.complex}[level.name]]
        reasons.append(f"{level.name}: {level.reason}")
    if (canary := route.settings.canary) is not None and takes_canary(canary, tenant, inquiry.user):
        route = runtime.routes[canary.route]
        reasons.append("canary")
    return route, ", ".join(reasons)
