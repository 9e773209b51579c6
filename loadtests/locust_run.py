"""Runs Locust in processes of its own and returns what its users saw, as a measurement like any other.

Rule 1: Locust is never imported here: it patches the sockets and threads of the process that imports it.
Rule 2: numbers come from the records that the users write, not from Locust's statistics, which round to two digits.
Rule 3: it ends by itself after the run's time and one request timeout; with the page, when it is stopped. What it started ends with it.
"""

from __future__ import annotations

import contextlib
import math
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadtests.errors import LocustError, TargetError
from loadtests.locust_process import LocustProcess
from loadtests.measurement import GeneratorStats, Measurement
from loadtests.records import ProcessCost, read_folder
from loadtests.wire import Target
from stacks.traffic import request_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from loadtests.open_loop import Stop
    from stacks.environment import Traffic
    from workloads.telemetry.outcome import RequestRecord

CLOSED_LOOP_NOTE: Final = (
    "closed loop: users wait for their answers before they ask again, so a slow engine was asked less often, and latencies count from "
    "the actual send (coordinated omission); compare only with runs of the same kind"
)

_START_S: Final = 30.0
"""Time that Locust may take to start and to end, beyond the run and one request timeout."""


def run(
    traffic: Traffic,
    targets: Sequence[str],
    *,
    users: int | None = None,
    interval_s: float = 0.0,
    duration_s: float | None = None,
    processes: int = 1,
    model: str = "synthetic",
    api_key: str | None = None,
    timeout_s: float = 60.0,
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
    """Play ``users`` users against ``targets``.

    Args:
        traffic: Lengths, and the shape or trace that the number of users follows.
        targets: URLs of the replicas; users take turns.
        users: Mean number of users; default: 1.
        interval_s: Mean seconds between the starts of one user's questions, exponentially distributed, so that ``users / interval_s`` is
            the rate; 0: users ask again at once.
        duration_s: Seconds, rounded up; default: the traffic's own. The page may change it.
        processes: Locust workers; more than one are led by a master.
        model: Name of the model in each request.
        api_key: Bearer token; handed over in the environment, not on the command line.
        timeout_s: Seconds from a send until the request counts as failed.
        engine_options: Add the fields of our own engines to requests.
        seed: Of lengths and texts; default: the traffic's own.
        root: Folder that a relative path of a trace starts from.
        skip_bad_rows: Go on without the bad rows of a trace.
        metrics: Names that thresholds ask for; the measurement names those with too few samples.
        web: Serve Locust's page until ``stop`` is set or Ctrl-C is pressed, and leave the start of tests to it.
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
    if traffic.trace is not None:
        request_lengths(traffic, root=root, skip_bad_rows=skip_bad_rows)  # speak up here rather than in Locust's log
        traffic = traffic.model_copy(update={"trace": str((root / Path(traffic.trace).expanduser()).resolve())})
    if web:
        _check_free(web_port)
    seed = traffic.seed if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="sandtable-locust-") as name:
        folder = Path(name)
        (folder / "traffic.json").write_text(traffic.model_dump_json(), encoding="utf-8")
        flags = {
            "--host": parsed[0].name,
            "--more-targets": ",".join(target.name for target in parsed[1:]),
            "--users": users or 1,
            "--spawn-rate": users or 1,
            "--run-time": f"{duration}s",
            "--stop-timeout": math.ceil(timeout_s),
            "--traffic": folder / "traffic.json",
            "--model": model,
            "--request-timeout-s": timeout_s,
            "--interval-s": interval_s,
            "--seed": seed,
            "--records": folder,
        }
        if processes > 1:
            port = _free_port()
            flags |= {"--processes": processes, "--master-bind-port": port, "--master-port": port}
        if web:
            flags["--web-port"] = web_port
        switches = {"--plain-openai": not engine_options, "--skip-bad-rows": skip_bad_rows, "--headless": not web}
        arguments = [*(f"{flag}={value}" for flag, value in flags.items()), *(flag for flag, on in switches.items() if on)]
        with LocustProcess(arguments, log=folder / "locust.log", api_key=api_key) as locust:
            if not web:
                locust.wait(duration, duration + timeout_s + _START_S, on_progress, stop)
            else:
                locust.wait_for_page(web_port)
                if on_page:
                    on_page(f"http://127.0.0.1:{web_port}")
                with contextlib.suppress(KeyboardInterrupt):  # the ordinary way to end a page; its results still count
                    locust.wait(duration, None, on_progress, stop)
        records, costs = read_folder(folder)
    stopped = stop is not None and stop.is_set() and not web
    return Measurement.of(
        records,
        replicas=[target.name for target in parsed],
        generator=_stats(records, costs),
        seed=seed,
        metrics=metrics,
        invalid=["the run was stopped before its time"] if stopped else [],
        notes=[CLOSED_LOOP_NOTE],
    )


def _check_free(port: int) -> None:
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        why = f"port {port} on 127.0.0.1 cannot be used for Locust's page ({error.strerror})"
        raise LocustError(f"{why}; choose another with --web-port") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stats(records: Sequence[RequestRecord], costs: Sequence[ProcessCost]) -> GeneratorStats:
    span = max((r.sent_s for r in records), default=0.0)
    rate = (len(records) - 1) / span if span else 0.0
    return GeneratorStats(
        kind="closed-loop",
        processes=len(costs),
        wall_s=max((cost.wall_s for cost in costs), default=0.0),
        cpu_s=sum(cost.cpu_s for cost in costs),
        cpu_share=max((cost.cpu_s / cost.wall_s for cost in costs if cost.wall_s), default=0.0),
        planned=len(records),
        sent=len(records),
        frames=sum(cost.frames for cost in costs),
        offered_per_s=rate,
        achieved_per_s=rate,
    )
