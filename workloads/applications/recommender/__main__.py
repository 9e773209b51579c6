"""``python -m workloads.applications.recommender``: judge a policy, serve it.

Train one with ``python -m workloads.reinforcement train --algorithm=q-learning --environment=recommender --out=FOLDER``.
Exit codes: 0 done or stopped; 2 no such policy or catalogue; 3 the port is taken.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from foundation.processes.arguments import port
from foundation.processes.serving import listen
from workloads.applications.errors import ApplicationError
from workloads.applications.recommender.exploration import loss_bound
from workloads.applications.recommender.policies import judged, read_catalogue, read_policy
from workloads.applications.recommender.server import RecommenderServer
from workloads.applications.recommender.service import Recommender
from workloads.applications.serving import serve_until_stopped
from workloads.reinforcement.environments.recommender import recommender


def main() -> None:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(prog="python -m workloads.applications.recommender", description="A recommender.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    evaluate = commands.add_parser("evaluate", help="print the exact value of a policy, and what exploring costs at most")
    serve = commands.add_parser("serve", help="recommend over HTTP until SIGTERM")
    for command in (evaluate, serve):
        command.add_argument("--policy", type=Path, required=True, help="policy.checkpoint of a training")
        command.add_argument("--explored", type=float, default=0.05, help="share that is drawn uniformly, 0 to 1 (default: %(default)s)")
    serve.add_argument("--catalogue", type=Path, required=True, help='JSON file of items by genre: {"0": ["…"], … "7": ["…"]}')
    serve.add_argument("--seed", type=int, default=0, help="of the draws (default: %(default)s)")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=port, default=8096, help="port to listen on (default: %(default)s)")
    known = parser.parse_args()
    if not 0 <= known.explored <= 1:
        parser.error(f"--explored {known.explored:g}: a share from 0 to 1 is expected")
    try:
        actions = read_policy(known.policy)
        sys.stdout.write(f"{known.policy}: {judged(actions)}\n")
        sys.stdout.write(f"exploring {known.explored:.1%} costs at most {loss_bound(recommender(), actions, known.explored):.3f} of them\n")
        if known.command == "serve":
            service = Recommender(actions, read_catalogue(known.catalogue), explored=known.explored, seed=known.seed)
            server = RecommenderServer(service, listen(known.host, known.port, "recommender"), known.policy.parent)
            serve_until_stopped(server, f"recommender: http://{known.host}:{known.port} recommends by {known.policy}")
    except ApplicationError as error:
        sys.stderr.write(f"recommender: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
