"""Telemetry without a query: the alert rules as Prometheus evaluates them, and where the dashboards' series come from."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandtable.jobs.verify.check import Check, NotHereError, NotRunError, require
from stacks.components import places

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_WITHIN_S: Final = 120
#: Who exposes a series -> the scrape job that reads it; everything else has a port called ``metrics``.
_JOBS: Final = {"engine": "engines", "gateway": "gateways", "federation server": "federation", "vault": "vault"}
#: Exposers that nobody scrapes: the collectors send, and Prometheus counts itself.
_SENT: Final = frozenset({"kubeletstats receiver", "prometheus"})


def alert_rules(ground: Ground) -> str:
    """Give each deployed alert its cause, and all of them a healthy platform, by ``promtool``."""
    from stacks.components.telemetry.rule_tests import cause_of, rule_tests
    from stacks.components.telemetry.rules import CONFIG_MAP

    files = ground.config_files(CONFIG_MAP, places.TELEMETRY)
    if not files:
        raise NotHereError(f"there is no ConfigMap {CONFIG_MAP} in {places.TELEMETRY}")
    promtool = shutil.which("promtool")
    if promtool is None:
        raise NotRunError("promtool is not on PATH; Debian's package `prometheus` has it")
    groups = [group for text in files.values() for group in json.loads(text)["groups"]]
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    untested = [alert for alert in alerts if cause_of(alert) is None]
    require(not untested, f"no test for {', '.join(untested)}: add the cause to stacks/components/telemetry/rule_tests.py")
    with tempfile.TemporaryDirectory(prefix="sandtable-rules-") as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        Path(folder, "tests.json").write_text(json.dumps(rule_tests(groups, files)), encoding="utf-8")
        for arguments in (["check", "rules", *files], ["test", "rules", "tests.json"]):
            run = subprocess.run(
                [promtool, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=_WITHIN_S, stdin=subprocess.DEVNULL
            )
            require(run.returncode == 0, f"promtool {arguments[0]} rules: {_short(run.stdout + run.stderr)}")
    return f"{len(alerts)} alerts fire on their causes, and none on a healthy platform"


def dashboards(ground: Ground) -> str:
    """Find for each query of the deployed dashboards who exposes its series, and the scrape job that reads them."""
    jobs, recorded, queries = _jobs(ground), _recorded(ground), queries_of(ground)
    wrong, idle = [], 0
    for expression, title in queries.items():
        origins = _origins(ground, expression, jobs, recorded)
        idle += "" in origins
        wrong += [f"{title}: {problem}" for problem in origins if problem]
    require(not wrong, f"{len(wrong)} of {len(queries)} queries: {'; '.join(wrong[:3])}")
    require([one for one in _origins(ground, "sandtable_no_such_series", jobs, recorded) if one], "an invented series was found, too")
    without = f"; {idle} read what this environment does not have" if idle else ""
    return f"{len(queries)} queries read series that somebody exposes and Prometheus gets{without}"


def queries_of(ground: Ground) -> dict[str, str]:
    """Return the queries of the deployed dashboards, each with dashboard and panel.

    Raises:
        NotHereError: there is no dashboard.
    """
    maps = [one for one in ground.live("ConfigMap", places.TELEMETRY) if one["metadata"]["labels"].get("grafana_dashboard") == "1"]
    if not maps:
        raise NotHereError(f"there is no dashboard in {places.TELEMETRY}")
    files = ((name.removesuffix(".json"), json.loads(text)) for one in maps for name, text in one["data"].items())
    return {target["expr"]: f"{name}: {panel['title']}" for name, file in files for panel in file["panels"] for target in panel["targets"]}


def is_idle(ground: Ground, expression: str) -> bool:
    """Whether a query reads what a part would expose that this environment does not have."""
    return "" in _origins(ground, expression, _jobs(ground), _recorded(ground))


def runtime_rules(ground: Ground) -> str:
    """Say that Falco is played where it is."""
    if not ground.environment.runtime_rules.enabled:
        raise NotHereError("`runtime_rules` are not enabled")
    if ground.environment.cluster.is_ours:
        raise NotHereError("its sensors are played: Falco's program cannot be had here, so its rules are not evaluated on this cluster")
    ready = ground.pods_with(places.FALCO, {"app.kubernetes.io/component": "sensor"}, "Falco")
    return f"{len(ready)} sensors are ready"


def _jobs(ground: Ground) -> set[str]:
    from stacks.components.telemetry.prometheus import NAME

    text = ground.config_files(NAME, places.TELEMETRY).get("prometheus.yaml")
    if text is None:
        raise NotHereError(f"there is no ConfigMap {NAME} in {places.TELEMETRY}")
    return {job["job_name"] for job in json.loads(text).get("scrape_configs", ())}


def _recorded(ground: Ground) -> set[str]:
    from stacks.components.telemetry.rules import CONFIG_MAP

    files = ground.config_files(CONFIG_MAP, places.TELEMETRY)
    return {
        rule["record"] for text in files.values() for group in json.loads(text)["groups"] for rule in group["rules"] if "record" in rule
    }


def _origins(ground: Ground, expression: str, jobs: set[str], recorded: set[str]) -> list[str]:
    """Return a problem for each series that is not to be had, and an empty string for each whose exposer is not in the environment."""
    from stacks.components.telemetry.promql import series_of
    from workloads.telemetry.coordination import COORDINATION_SERIES
    from workloads.telemetry.federation import FEDERATION_SERIES
    from workloads.telemetry.gateway import GATEWAY_SERIES
    from workloads.telemetry.series import SERIES

    exposers = SERIES | {
        name: exposer
        for exposer, series in (
            ("gateway", GATEWAY_SERIES),
            ("federation server", FEDERATION_SERIES),
            ("coordination", COORDINATION_SERIES),
        )
        for name in series
    }
    found = []
    for name in series_of(expression) - recorded:
        exposer = exposers.get(name.removesuffix("_bucket"))
        if exposer is None:
            found.append(f"nobody exposes {name}")
        elif exposer in _SENT:
            continue
        elif exposer in _JOBS:
            found += [] if _JOBS[exposer] in jobs else [f"no scrape job {_JOBS[exposer]} reads {name}"]
        elif not _has_port(ground, exposer):
            found.append("")
        elif "metrics" not in jobs:
            found.append(f"no scrape job metrics reads {name}")
    return found


def _has_port(ground: Ground, container: str) -> bool:
    """Whether a container of that name has a port called ``metrics``, which is what Prometheus scrapes."""
    return any(
        port.get("name") == "metrics"
        for resource in ground.graph.objects()
        for one in resource.containers()
        if one.get("name") == container
        for port in one.get("ports") or ()
    )


def _short(text: str) -> str:
    return " ".join(text.split())[-300:]


def checks() -> Iterator[Check]:
    """Yield the checks of telemetry that need no pod."""
    yield Check(
        "alert-rules",
        "telemetry",
        "each deployed alert fires on its cause",
        "a healthy platform raises none",
        alert_rules,
    )
    yield Check(
        "dashboards",
        "telemetry",
        "each query of the dashboards reads series that somebody exposes and a scrape job reads",
        "an invented series is found missing",
        dashboards,
    )
    yield Check("runtime-rules", "Falco", "sensors watch the kernel's events", "not applicable: it only says what is played", runtime_rules)
