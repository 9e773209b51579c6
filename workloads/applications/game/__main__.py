"""``python -m workloads.applications.game``: judge a policy, serve it.

Train one with ``python -m workloads.reinforcement train --algorithm=q-learning --environment=noughts-and-crosses --out=FOLDER``.
Exit codes: 0 done or stopped; 2 no policy of this game; 3 the port is taken.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from foundation.processes.arguments import port
from foundation.processes.serving import listen
from workloads.applications.errors import PolicyError
from workloads.applications.game.policies import read_policy, value
from workloads.applications.game.server import ModelServer
from workloads.applications.game.versions import Versions
from workloads.applications.serving import serve_until_stopped


def main() -> None:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(prog="python -m workloads.applications.game", description="Noughts and crosses.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    evaluate = commands.add_parser("evaluate", help="print the exact mean reward of a policy against random play")
    serve = commands.add_parser("serve", help="answer moves over HTTP until SIGTERM")
    for command in (evaluate, serve):
        command.add_argument("--policy", type=Path, required=True, help="policy.checkpoint of a training")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=port, default=8095, help="port to listen on (default: %(default)s)")
    known = parser.parse_args()
    try:
        actions = read_policy(known.policy)
    except PolicyError as error:
        sys.stderr.write(f"game: {error}\n")
        sys.exit(2)
    if known.command == "evaluate":
        sys.stdout.write(f"{value(actions):.4f} exactly; perfect play has 0.9974\n")
        return
    server = ModelServer(Versions(actions), listen(known.host, known.port, "game"), known.policy.parent)
    serve_until_stopped(server, f"game: http://{known.host}:{known.port} plays {known.policy}")


if __name__ == "__main__":
    main()
