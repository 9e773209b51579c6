"""The command line of an application that judges and serves a trained policy."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Final

from foundation.processes.arguments import address, port
from foundation.processes.serving import listen
from foundation.training import STOPPED, StopRequest
from foundation.training.scrape import Series, scraped
from workloads.applications.errors import ApplicationError
from workloads.applications.serving import JsonServer, serve_until_stopped

_LOOK_EVERY_S: Final = 0.5


@dataclass(frozen=True)
class PolicyCommands:
    """The subcommands ``evaluate`` and ``serve`` of the application ``name``; both take ``--policy``, ``serve`` an address."""

    name: str
    parser: argparse.ArgumentParser
    evaluate: argparse.ArgumentParser
    serve: argparse.ArgumentParser
    _series: Series = field(default_factory=Series)
    _serving: Event = field(default_factory=Event)

    @contextmanager
    def parsed(self) -> Iterator[argparse.Namespace]:
        """Yield the arguments, once there is a policy to read; metrics and probes are answered from the start.

        An ``ApplicationError`` of the block ends the process with its text and exit code 2, a SIGTERM while it waits with 143.
        """
        known = self.parser.parse_args()
        try:
            with scraped(self._series, getattr(known, "metrics_address", None), self.name, self._serving.is_set):
                if getattr(known, "wait", False):
                    _wait_for(known.policy)
                yield known
        except ApplicationError as error:
            sys.stderr.write(f"{self.name}: {error}\n")
            sys.exit(2)

    def run(self, known: argparse.Namespace, server: Callable[..., JsonServer], verb: str) -> None:
        """Serve ``server(listener, folder of the policy, series)`` until SIGTERM; exits with code 3 where the port is taken."""
        served = server(listen(known.host, known.port, self.name), known.policy.parent, self._series)
        self._serving.set()
        serve_until_stopped(served, f"{self.name}: http://{known.host}:{known.port} {verb} {known.policy}")


def policy_commands(name: str, description: str, *, evaluate: str, serve: str, default_port: int) -> PolicyCommands:
    """Return the subcommands of ``python -m workloads.applications.<name>``; ``evaluate`` and ``serve`` are their help texts."""
    parser = argparse.ArgumentParser(prog=f"python -m workloads.applications.{name}", description=description, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    found = PolicyCommands(name, parser, commands.add_parser("evaluate", help=evaluate), commands.add_parser("serve", help=serve))
    for command in (found.evaluate, found.serve):
        command.add_argument("--policy", type=Path, required=True, help="policy.checkpoint of a training")
    found.serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    found.serve.add_argument("--port", type=port, default=default_port, help="port to listen on (default: %(default)s)")
    found.serve.add_argument("--wait", action="store_true", help="wait until the policy's file is there")
    found.serve.add_argument(
        "--metrics-address", type=address, help="HOST:PORT that answers GET /metrics, /live and /ready (default: none)"
    )
    return found


def _wait_for(policy: Path) -> None:
    with StopRequest() as stop:
        while not policy.exists():
            if stop.requested:
                sys.exit(STOPPED)
            time.sleep(_LOOK_EVERY_S)
