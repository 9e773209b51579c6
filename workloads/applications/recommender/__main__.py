"""``python -m workloads.applications.recommender``: judge a policy, serve it.

Train one with ``python -m workloads.reinforcement train --algorithm=q-learning --environment=recommender --out=FOLDER``.
Exit codes: 0 done or stopped; 2 no such policy or catalogue; 3 the port is taken.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from foundation.processes.arguments import seed, share
from workloads.applications.command_line import policy_commands
from workloads.applications.recommender.exploration import loss_bound
from workloads.applications.recommender.policies import judged, read_catalogue, read_policy
from workloads.applications.recommender.server import RecommenderServer
from workloads.applications.recommender.service import Recommender
from workloads.applications.spec import PORTS
from workloads.reinforcement.environments.recommender import recommender


def main() -> None:
    """Run one subcommand."""
    commands = policy_commands(
        "recommender",
        "A recommender.",
        evaluate="print the exact value of a policy, and what exploring costs at most",
        serve="recommend over HTTP until SIGTERM",
        default_port=PORTS["recommender"],
    )
    for command in (commands.evaluate, commands.serve):
        command.add_argument("--explored", type=share, default=0.05, help="share that is drawn uniformly, 0 to 1 (default: %(default)s)")
    commands.serve.add_argument("--catalogue", type=Path, required=True, help='JSON file of items by genre: {"0": ["…"], … "7": ["…"]}')
    commands.serve.add_argument("--seed", type=seed, default=0, help="of the draws (default: %(default)s)")
    with commands.parsed() as known:
        actions = read_policy(known.policy)
        sys.stdout.write(f"{known.policy}: {judged(actions)}\n")
        sys.stdout.write(f"exploring {known.explored:.1%} costs at most {loss_bound(recommender(), actions, known.explored):.3f} of them\n")
        if known.command == "serve":
            service = Recommender(actions, read_catalogue(known.catalogue), explored=known.explored, seed=known.seed)
            commands.run(known, partial(RecommenderServer, service), "recommends by")


if __name__ == "__main__":
    main()
