"""The command line of an application that judges and serves a trained policy."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foundation.processes.arguments import port
from foundation.processes.serving import listen
from workloads.applications.errors import ApplicationError
from workloads.applications.serving import JsonServer, serve_until_stopped


@dataclass(frozen=True)
class PolicyCommands:
    """The subcommands ``evaluate`` and ``serve`` of the application ``name``; both take ``--policy``, ``serve`` an address."""

    name: str
    parser: argparse.ArgumentParser
    evaluate: argparse.ArgumentParser
    serve: argparse.ArgumentParser

    @contextmanager
    def parsed(self) -> Iterator[argparse.Namespace]:
        """Yield the arguments; an ``ApplicationError`` of the block ends the process with its text and exit code 2."""
        try:
            yield self.parser.parse_args()
        except ApplicationError as error:
            sys.stderr.write(f"{self.name}: {error}\n")
            sys.exit(2)

    def run(self, known: argparse.Namespace, server: Callable[..., JsonServer], verb: str) -> None:
        """Serve ``server(listener, folder of the policy)`` until SIGTERM; exits with code 3 where the port is taken."""
        listener = listen(known.host, known.port, self.name)
        serve_until_stopped(server(listener, known.policy.parent), f"{self.name}: http://{known.host}:{known.port} {verb} {known.policy}")


def policy_commands(name: str, description: str, *, evaluate: str, serve: str, default_port: int) -> PolicyCommands:
    """Return the subcommands of ``python -m workloads.applications.<name>``; ``evaluate`` and ``serve`` are their help texts."""
    parser = argparse.ArgumentParser(prog=f"python -m workloads.applications.{name}", description=description, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    found = PolicyCommands(name, parser, commands.add_parser("evaluate", help=evaluate), commands.add_parser("serve", help=serve))
    for command in (found.evaluate, found.serve):
        command.add_argument("--policy", type=Path, required=True, help="policy.checkpoint of a training")
    found.serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    found.serve.add_argument("--port", type=port, default=default_port, help="port to listen on (default: %(default)s)")
    return found
