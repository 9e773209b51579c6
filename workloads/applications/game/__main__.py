"""``python -m workloads.applications.game``: judge a policy, serve it.

Train one with ``python -m workloads.reinforcement train --algorithm=q-learning --environment=noughts-and-crosses --out=FOLDER``.
Exit codes: 0 done or stopped; 2 no policy of this game; 3 the port is taken.
"""

from __future__ import annotations

import sys
from functools import partial

from workloads.applications.command_line import policy_commands
from workloads.applications.game.policies import read_policy, value
from workloads.applications.game.server import ModelServer
from workloads.applications.game.versions import Versions
from workloads.applications.spec import PORTS


def main() -> None:
    """Run one subcommand."""
    commands = policy_commands(
        "game",
        "Noughts and crosses.",
        evaluate="print the exact mean reward of a policy against random play",
        serve="answer moves over HTTP until SIGTERM",
        default_port=PORTS["game"],
    )
    with commands.parsed() as known:
        actions = read_policy(known.policy)
        if known.command == "evaluate":
            sys.stdout.write(f"{value(actions):.4f} exactly; perfect play has 0.9974\n")
        else:
            commands.run(known, partial(ModelServer, Versions(actions)), "plays")


if __name__ == "__main__":
    main()
