"""Telemetry as it runs: Prometheus reaches its targets, its rules evaluate, the dashboards' queries have data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sandtable.jobs.verify.check import Check, CheckFailedError, require
from sandtable.jobs.verify.enrolment import waits_for_people
from sandtable.jobs.verify.pod_http import Server
from sandtable.jobs.verify.telemetry.rules import is_idle, queries_of
from stacks.components import places
from stacks.components.telemetry.collector_configuration import PROMETHEUS
from stacks.components.telemetry.promql import series_of

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_INVENTED: Final = "sandtable_no_such_series"


def targets(ground: Ground) -> str:
    """Find every target of Prometheus up, and its rules without an error."""
    server = _prometheus(ground)
    active = _data(server, "/api/v1/targets?state=active")["activeTargets"]
    down = [f"{one['labels'].get('pod', one['scrapeUrl'])}: {one['lastError']}" for one in active if one["health"] != "up"]
    require(active, "it has no target")
    require(not down, f"{len(down)} of {len(active)} targets are down: {'; '.join(down[:3])}")
    rules = [rule for group in _data(server, "/api/v1/rules")["groups"] for rule in group["rules"]]
    wrong = [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"]
    require(not wrong, f"{len(wrong)} of {len(rules)} rules cannot be evaluated: {'; '.join(wrong[:3])}")
    require(not _query(server, _INVENTED), "an invented series has data")
    return f"{len(active)} targets are up, {len(rules)} rules evaluate, an invented series has no data"


def dashboard_data(ground: Ground) -> str:
    """Ask every query of the deployed dashboards.

    Those of parts that are not here may be empty, and those that count what has not happened yet: a counter has a value for a label once
    something was counted there. Prometheus then knows the series by what its target says of it.
    """
    server, queries = _prometheus(ground), queries_of(ground)
    idle = {expression for expression in queries if is_idle(ground, expression)}
    empty = {expression: title for expression, title in queries.items() if expression not in idle and not _query(server, expression)}
    exposed = _data(server, "/api/v1/metadata")
    wrong = [title for expression, title in empty.items() if not all(_bare(name) in exposed for name in series_of(expression))]
    waits = waits_for_people(ground) if any(title.startswith(f"{places.FEDERATION}: ") for title in wrong) else ""
    require(not wrong, f"{len(wrong)} of {len(queries)} queries have no data: {', '.join(wrong[:6])}{waits}")
    require(_INVENTED not in exposed, "an invented series is exposed, too")
    return (
        f"{len(queries) - len(idle) - len(empty)} queries have data, {len(empty)} count what has not happened yet, "
        f"{len(idle)} would be about parts that are not in this environment"
    )


def _prometheus(ground: Ground) -> Server:
    (pod, *_) = ground.pods_with(places.TELEMETRY, {"app.kubernetes.io/name": "prometheus"}, "Prometheus")
    return Server(ground, pod, PROMETHEUS)


def _bare(name: str) -> str:
    """Return the name that a target declares: that of a histogram without its suffix."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


def _query(server: Server, expression: str) -> list[Any]:
    return list(_data(server, f"/api/v1/query?{urlencode({'query': expression})}")["result"])


def _data(server: Server, path: str) -> dict[str, Any]:
    reply = server.ask("GET", path)
    if not reply.ok:
        raise CheckFailedError(f"Prometheus answers {path.partition('?')[0]} with {reply.status}: {str(reply.body)[:200]}")
    found: dict[str, Any] = reply.body["data"]
    return found


def checks() -> Iterator[Check]:
    """Yield the checks of running telemetry."""
    yield Check(
        "targets",
        "telemetry",
        "Prometheus reaches each of its targets and evaluates each of its rules",
        "an invented series has no data",
        targets,
        needs_pods=True,
    )
    yield Check(
        "dashboard-data",
        "telemetry",
        "each query of the dashboards returns data",
        "an invented series has none (see `targets`)",
        dashboard_data,
        needs_pods=True,
    )
