"""Simulated users of the engines, run by Locust: with its web page or headless, on one machine or several.

    locust -f loadtests/locustfile.py --host http://127.0.0.1:8080                       # page on http://localhost:8089
    locust -f loadtests/locustfile.py --host http://127.0.0.1:8080 --headless --users 8 --run-time 60s --shape spike
    locust -f loadtests/locustfile.py --host http://127.0.0.1:8080 --headless --users 8 --run-time 60s --processes 2
    locust -f loadtests/locustfile.py --host http://127.0.0.1:8080 --traffic Pulumi.dev.yaml --skip-bad-rows
    locust -f loadtests/locustfile.py --host http://127.0.0.1:8080 --headless --users 8 --traffic Pulumi.dev.yaml AnthropicUser   # one wire
    python -m loadtests.locustfile --help                                                # Locust's own --help does not load this file

Each of our flags is a variable as well: ``--think-time-s`` is ``SANDTABLE_THINK_TIME_S``. Page and master listen on loopback; to
spread workers over machines, say ``--master-bind-host`` and ``--web-host``.

``sandtable loadtest ENV --users N [--web]`` runs this file and reads the records back (``loadtests/locust_run.py``).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locust import events
from locust.argument_parser import get_parser
from locust.runners import MasterRunner

from foundation.errors import FoundationError, TargetError
from foundation.measures.outcome import REQUEST_TIMEOUT_S
from loadtests.errors import LoadTestError
from loadtests.shapes.chosen import ChosenShape
from loadtests.shapes.curves import NAMES, named, replayed
from loadtests.users.chat import ChatUser
from loadtests.users.session import Options, Session, read_tenant_keys, read_traffic
from loadtests.users.wires import AnthropicUser, GeminiUser, OllamaUser, OpenAiUser
from stacks.errors import ConfigurationError, StackError
from stacks.traffic import plan

if TYPE_CHECKING:
    from argparse import Namespace

    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment

    from stacks.environment import Traffic

__all__ = ["AnthropicUser", "ChatUser", "ChosenShape", "GeminiUser", "OllamaUser", "OpenAiUser"]  # what Locust looks for in this file


def _add_flags(parser: LocustArgumentParser) -> None:
    """Add our flags; the web page shows all but the key. By default nothing listens on other than loopback addresses."""
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")
    add = parser.add_argument
    add("--traffic", metavar="FILE", default="", env_var="SANDTABLE_TRAFFIC", help="Pulumi.<name>.yaml, or a file with its traffic alone")
    add("--shape", choices=("", *NAMES), default="", env_var="SANDTABLE_SHAPE", help="how --users moves (default: as the traffic says)")
    add("--model", default="synthetic", env_var="SANDTABLE_MODEL", help="model named in requests (default: %(default)s)")
    add("--more-targets", metavar="URLS", default="", env_var="SANDTABLE_MORE_TARGETS", help="further replicas, separated by commas")
    add("--request-timeout-s", type=float, default=REQUEST_TIMEOUT_S, env_var="SANDTABLE_REQUEST_TIMEOUT_S", help="default: %(default)s")
    add("--think-time-s", type=float, default=0.0, env_var="SANDTABLE_THINK_TIME_S", help="pause after an answer (default: %(default)s)")
    add(
        "--interval-s",
        type=float,
        default=0.0,
        env_var="SANDTABLE_INTERVAL_S",
        help="mean seconds between the starts of one user's questions, 0: none (default: %(default)s)",
    )
    add(
        "--trace-rate-per-s",
        type=float,
        default=0.0,
        env_var="SANDTABLE_TRACE_RATE_PER_S",
        help="mean rate to stretch a trace's time to, 0: as recorded (default: %(default)s)",
    )
    add("--seed", type=int, default=None, env_var="SANDTABLE_SEED", help="of lengths, texts and intervals (default: as the traffic says)")
    add("--plain-openai", action="store_true", env_var="SANDTABLE_PLAIN_OPENAI", help="send no fields of our own engines")
    add("--skip-bad-rows", action="store_true", env_var="SANDTABLE_SKIP_BAD_ROWS", help="skip the bad rows of a trace")
    add(
        "--records",
        metavar="FOLDER",
        default="",
        env_var="SANDTABLE_RECORDS",
        include_in_web_ui=False,
        help="write a record of each request there",
    )
    add("--api-key", default="", env_var="SANDTABLE_API_KEY", include_in_web_ui=False, help="bearer token; prefer the variable")
    add(
        "--tenant-keys",
        metavar="JSON",
        default="",
        env_var="SANDTABLE_TENANT_KEYS",
        include_in_web_ui=False,
        help='keys of the tenants in the mix, {"<tenant>": "<key>"}; prefer the variable',
    )


def _prepare(environment: Environment, **_: Any) -> None:
    """Read the options once, before any user exists, and exit with a plain message if they are invalid."""
    options = environment.parsed_options
    assert options is not None, "Locust was started from a command line"
    if not options.user_classes:
        environment.user_classes[:] = [ChatUser]  # those of a single wire are for who asks for them
    try:
        traffic = read_traffic(Path(options.traffic) if options.traffic else None)
        shape = environment.shape_class
        assert isinstance(shape, ChosenShape), "the only shape in this file"
        shape.duration_s = float(options.run_time or traffic.duration_s)
        shape.curve = _curve(options, traffic)
        if environment.host or options.headless:
            Session(_session_options(options, environment.host))
    except (StackError, LoadTestError, FoundationError) as error:
        raise SystemExit(f"locustfile: {error}") from error


def _open_session(environment: Environment, **_: Any) -> None:
    """Begin a test in a process that has users; the master of several workers has none."""
    options = environment.parsed_options
    if options is None or isinstance(environment.runner, MasterRunner):
        return
    records = Path(options.records) if options.records else None
    try:
        # The host and the flags may have been changed on the web page since the last test.
        settings = replace(_session_options(options, environment.host), records=records)
        ChatUser.session = Session(settings, max(0, getattr(environment.runner, "worker_index", 0)))
    except (StackError, LoadTestError, FoundationError) as error:
        ChatUser.session = None
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400  # a user's mistake needs no traceback


def _close_session(**_: Any) -> None:
    if ChatUser.session is not None:
        ChatUser.session.close()


def _curve(options: Namespace, traffic: Traffic) -> Any:
    name = options.shape or ("trace" if traffic.trace else traffic.shape)
    if name != "trace":
        return named(name)
    if traffic.trace is None:
        raise ConfigurationError("--shape trace: the traffic has no trace; name one in the file that --traffic reads, as `trace: <path>`")
    duration = float(options.run_time or traffic.duration_s)
    rate = options.trace_rate_per_s or None
    return replayed(plan(traffic, duration_s=duration, rate_per_s=rate, skip_bad_rows=options.skip_bad_rows), duration)


def _session_options(options: Namespace, host: str | None) -> Options:
    if not host:
        raise TargetError("no target; give --host, for instance --host http://127.0.0.1:8080")
    more = [url.strip() for url in options.more_targets.split(",") if url.strip()]
    return Options(
        targets=[host, *more],
        traffic=read_traffic(Path(options.traffic) if options.traffic else None),
        model=options.model,
        api_key=options.api_key or None,
        tenant_keys=read_tenant_keys(options.tenant_keys),
        request_timeout_s=options.request_timeout_s,
        think_time_s=options.think_time_s,
        interval_s=options.interval_s,
        seed=options.seed,
        engine_options=not options.plain_openai,
        skip_bad_rows=options.skip_bad_rows,
    )


for hook, listener in (
    (events.init_command_line_parser, _add_flags),
    (events.init, _prepare),
    (events.test_start, _open_session),
    (events.test_stop, _close_session),
    (events.quitting, _close_session),
):
    hook.add_listener(listener)  # type: ignore[no-untyped-call]  # locust does not type it

if __name__ == "__main__":
    get_parser().parse_args()
