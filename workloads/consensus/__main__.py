"""``python -m workloads.consensus``: a member of a coordination group, and what operators ask of one.

Exit codes: 0 done, or stopped by SIGTERM or SIGINT; 1 the group could not be asked; 2 bad arguments, certificates or folder; 3 a port is
taken; 4 the disk failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from foundation.processes.serving import end_with_stdin, listen
from workloads.consensus.errors import ConsensusError
from workloads.consensus.spec import CoordinationSpec, add_arguments, add_group


def main() -> None:
    """Serve, or ask."""
    parser = argparse.ArgumentParser(prog="python -m workloads.consensus", description="A coordination group.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run a member", allow_abbrev=False)
    add_arguments(serving)
    serving.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serving.add_argument(
        "--until-stdin-ends", action="store_true", help="stop when standard input is closed, as it is when its parent dies"
    )
    for name, text in (
        ("status", "what each member knows of the group"),
        ("add", "let a member learn the log, then vote"),
        ("remove", "take a member out of the group; its folder must be emptied before it is added again"),
        ("transfer", "let another member lead"),
    ):
        asking = commands.add_parser(name, help=text, allow_abbrev=False)
        add_group(asking)
        if name != "status":
            asking.add_argument("member")
    known = parser.parse_args()
    try:
        if known.command == "serve":
            _serve(CoordinationSpec.of(known), known.host, until_stdin_ends=known.until_stdin_ends)
        else:
            asyncio.run(_ask(known))
    except ConsensusError as error:
        sys.stderr.write(f"coordination: {error}\n")
        sys.exit(1 if known.command != "serve" else 2)
    except OSError as error:
        sys.stderr.write(f"coordination: the disk failed: {error}; nothing that was acknowledged is lost. Mend it, and start again\n")
        sys.exit(4)


def _serve(spec: CoordinationSpec, host: str, *, until_stdin_ends: bool) -> None:
    from workloads.consensus.server.run import Process

    process = Process(spec)
    listener, health = (listen(host, port, "coordination") for port in (spec.port, spec.health_port))
    if until_stdin_ends:
        end_with_stdin()

    def ready() -> None:
        sys.stdout.write(f"coordination: {process.name} of {spec.cluster} listens on {host}:{spec.port}, health on {spec.health_port}\n")
        sys.stdout.flush()

    asyncio.run(process.run(listener, health, ready))


async def _ask(known: argparse.Namespace) -> None:
    from workloads.consensus.client.operator import Operator

    async with Operator(known.cluster, known.members, known.certificates) as operator:
        match known.command:
            case "status":
                sys.stdout.write("".join(json.dumps(each) + "\n" for each in await operator.statuses()))
            case "add":
                await operator.add(known.member)
            case "remove":
                await operator.remove(known.member)
            case "transfer":
                await operator.transfer(known.member)


if __name__ == "__main__":
    main()
