"""Runs Locust in separate processes and returns the results of its users as an ordinary measurement.

Rule 1: Locust is never imported here: it patches the sockets and threads of the process that imports it.
Rule 2: numbers come from the records that the users write, not from Locust's statistics, which round to two digits.
Rule 3: it ends by itself after the run's duration and one request timeout; with the web page, when it is stopped. Its child processes end
with it.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foundation.errors import TargetError
from foundation.measures.outcome import REQUEST_TIMEOUT_S
from foundation.processes.free_port import check_port, free_port
from foundation.wire import Target
from loadtests.errors import LocustError
from loadtests.locust_process import LocustProcess
from loadtests.measurement import GeneratorStats, Measurement
from loadtests.records import ProcessCost, read_folder
from stacks.traffic import request_lengths, trace_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from foundation.measures.outcome import RequestRecord
    from loadtests.open_loop import Stop
    from stacks.environment import Traffic

CLOSED_LOOP_NOTE: Final = (
    "closed loop: users wait for their answers before they ask again, so a slow engine received fewer requests, and latencies count from "
    "the actual send (coordinated omission); compare only with runs of the same kind"
)

LAST_TEST_NOTE: Final = "this is the last of the tests started on the page"

_START_S: Final = 30.0
"""Time that Locust may take to start and to end, beyond the run and one request timeout."""


def run(
    traffic: Traffic,
    targets: Sequence[str],
    *,
    users: int | None = None,
    interval_s: float = 0.0,
    trace_rate_per_s: float | None = None,
    duration_s: float | None = None,
    processes: int = 1,
    model: str = "synthetic",
    api_key: str | None = None,
    tenant_keys: Mapping[str, str] | None = None,
    timeout_s: float = REQUEST_TIMEOUT_S,
    engine_options: bool = True,
    seed: int | None = None,
    root: Path = Path(),
    skip_bad_rows: bool = False,
    metrics: Iterable[str] = (),
    web: bool = False,
    web_port: int = 8089,
    on_page: Callable[[str], None] | None = None,
    on_progress: Callable[[float, float], None] | None = None,
    stop: Stop | None = None,
) -> Measurement:
    """Run ``users`` simulated users against ``targets``.

    Args:
        traffic: Lengths, and the shape or trace that the number of users follows.
        targets: URLs of the replicas; users take turns.
        users: Mean number of users; default: 1.
        interval_s: Mean seconds between the starts of one user's questions, exponentially distributed, so that ``users / interval_s`` is
            the rate, and the run is invalid if they clearly fall short of it; 0: users send the next request immediately.
        trace_rate_per_s: Requests per second that the time of a trace is stretched to; None: the times as recorded.
        duration_s: Seconds, rounded up; default: the traffic's own. The page may change it.
        processes: Locust workers; more than one are led by a master.
        model: Name of the model in each request.
        api_key: Bearer token; handed over in the environment, not on the command line, as are ``tenant_keys``.
        tenant_keys: Keys of the tenants of a gateway, for requests that name one.
        timeout_s: Seconds from a send until the request counts as failed.
        engine_options: Add fields to the requests that only our own engines understand.
        seed: Of lengths and texts; default: the traffic's own.
        root: Folder that a relative path of a trace starts from.
        skip_bad_rows: Skip the bad rows of a trace.
        metrics: Names of the metrics with thresholds; the measurement lists those with too few samples.
        web: Serve Locust's page until ``stop`` is set or Ctrl-C is pressed, and start tests from there; the last one counts.
        web_port: Loopback port of the page.
        on_page: Called with the page's URL once it answers.
        on_progress: Called with (elapsed, duration) seconds a few times a second.
        stop: Ends the run when set.

    Raises:
        TargetError: no targets or a malformed one.
        TraceError: the trace cannot be replayed.
        LocustError: Locust did not start, ended by itself or did not end.
    """
    if not targets:
        raise TargetError("no target to send requests to; give at least one URL such as http://127.0.0.1:8080")
    parsed = [Target.parse(url) for url in targets]
    duration = math.ceil(duration_s or traffic.duration_s)
    traffic = _checked(traffic, root, skip_bad_rows=skip_bad_rows)
    if web:
        _check_free(web_port)
    seed = traffic.seed if seed is None else seed
    flags = {
        "--host": parsed[0].name,
        "--more-targets": ",".join(target.name for target in parsed[1:]),
        "--users": users or 1,
        "--spawn-rate": users or 1,
        "--run-time": f"{duration}s",
        "--stop-timeout": math.ceil(timeout_s),
        "--model": model,
        "--request-timeout-s": timeout_s,
        "--interval-s": interval_s,
        "--trace-rate-per-s": trace_rate_per_s or 0.0,
        "--seed": seed,
    }
    switches = {"--plain-openai": not engine_options, "--skip-bad-rows": skip_bad_rows, "--headless": not web}
    arguments = [*(f"{flag}={value}" for flag, value in flags.items()), *(flag for flag, on in switches.items() if on)]
    arguments += [*_workers(processes), *([f"--web-port={web_port}"] if web else [])]

    def wait(locust: LocustProcess) -> None:
        if web:
            _serve(locust, web_port, on_page)
        ended_by = (KeyboardInterrupt,) if web else ()  # the normal way to stop the web page; its results still count
        with contextlib.suppress(*ended_by):
            locust.wait(duration, None if web else duration + timeout_s + _START_S, on_progress, stop)

    records, costs = _play(traffic, arguments, (api_key, tenant_keys), wait)
    stopped = stop is not None and stop.is_set() and not web
    # On the web page, users and duration are whatever was entered there.
    asked_per_s = (users or 1) / interval_s if interval_s and not web and not stopped else None
    return Measurement.of(
        records,
        replicas=[target.name for target in parsed],
        generator=_stats(records, costs, asked_per_s=asked_per_s, duration_s=duration),
        seed=seed,
        metrics=metrics,
        invalid=[*(["the run was stopped early"] if stopped else []), *_lost(records, costs, processes)],
        notes=[CLOSED_LOOP_NOTE, *([LAST_TEST_NOTE] if web else [])],
    )


def _checked(traffic: Traffic, root: Path, *, skip_bad_rows: bool) -> Traffic:
    """Return ``traffic`` with a checked trace and an absolute path to it, so that errors are reported here and not in Locust's log."""
    if traffic.trace is None:
        return traffic
    request_lengths(traffic, root=root, skip_bad_rows=skip_bad_rows)
    return traffic.model_copy(update={"trace": str(trace_path(traffic.trace, root).resolve())})


def _serve(locust: LocustProcess, port: int, on_page: Callable[[str], None] | None) -> None:
    locust.wait_for_page(port)
    if on_page:
        on_page(f"http://127.0.0.1:{port}")


def _play(
    traffic: Traffic, arguments: Sequence[str], keys: tuple[str | None, Mapping[str, str] | None], wait: Callable[[LocustProcess], None]
) -> tuple[list[RequestRecord], list[ProcessCost]]:
    """Run Locust until ``wait`` returns, and read what its processes have written."""
    with tempfile.TemporaryDirectory(prefix="sandtable-locust-") as name:
        folder = Path(name)
        (folder / "traffic.json").write_text(traffic.model_dump_json(), encoding="utf-8")
        paths = [f"--traffic={folder / 'traffic.json'}", f"--records={folder}"]
        with LocustProcess([*arguments, *paths], log=folder / "locust.log", api_key=keys[0], tenant_keys=keys[1]) as locust:
            wait(locust)
        return read_folder(folder)


def _workers(processes: int) -> list[str]:
    if processes == 1:
        return []
    port = free_port()
    return [f"--processes={processes}", f"--master-bind-port={port}", f"--master-port={port}"]


def _lost(records: Sequence[RequestRecord], costs: Sequence[ProcessCost], processes: int) -> list[str]:
    lost = processes - len(costs)
    if not records or lost <= 0:
        return []
    return [f"{lost} of {processes} Locust processes ended without reporting, so their last requests may be missing"]


def _check_free(port: int) -> None:
    try:
        check_port(port)
    except OSError as error:
        why = f"port {port} on 127.0.0.1 cannot be used for Locust's page ({error.strerror})"
        raise LocustError(f"{why}; choose another with --web-port") from error


def _stats(
    records: Sequence[RequestRecord], costs: Sequence[ProcessCost], *, asked_per_s: float | None, duration_s: float
) -> GeneratorStats:
    """Summarise the processes; ``asked_per_s`` is the planned rate of users with an interval, None without an interval."""
    sent = len(records)
    span = max((r.sent_s for r in records), default=0.0)
    achieved = sent / duration_s if asked_per_s else (sent - 1) / span if span else 0.0
    return GeneratorStats(
        kind="closed-loop",
        processes=len(costs),
        wall_s=max((cost.wall_s for cost in costs), default=0.0),
        cpu_s=sum(cost.cpu_s for cost in costs),
        cpu_share=max((cost.cpu_s / cost.wall_s for cost in costs if cost.wall_s), default=0.0),
        planned=round(asked_per_s * duration_s) if asked_per_s else sent,
        sent=sent,
        frames=sum(cost.frames for cost in costs),
        offered_per_s=asked_per_s or achieved,
        achieved_per_s=achieved,
    )
