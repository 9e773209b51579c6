"""What the Pulumi CLI needs when a user runs it: stacks, and variables that point it to our tools and to the state of ``sandtable up``.

Rule: the caller's shell evaluates stdout, so problems are reported on stderr and do not end the command.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from sandtable.workspace import Workspace
    from stacks.environment import Environment
    from stacks.errors import StackError

_PASSPHRASE: Final = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def variables(space: Workspace) -> dict[str, str]:
    """Return them by name.

    A passphrase that the caller has set is left alone. Otherwise it is the well-known one of rehearsals. If an environment has a
    user's cluster and encrypts with a passphrase, or cannot be read, none is set, and stderr says so.

    Raises:
        toolchain.ToolMissingError: one of the tools is missing; the text names the command that provides it.
        toolchain.CacheError: the folder of links to the tools cannot be written.
    """
    import toolchain
    from stacks.deployment.project import REHEARSAL_PASSPHRASE

    found = toolchain.environment(toolchain.tools_for("deploy"))
    state = space.root.absolute() / ".sandtable" / "state"
    state.mkdir(parents=True, exist_ok=True)  # Pulumi refuses a folder that does not exist
    found["PULUMI_BACKEND_URL"] = state.as_uri()
    if any(name in os.environ for name in _PASSPHRASE):
        return found
    if real := [name for name, found_there in _environments(space) if _needs_its_own_passphrase(found_there)]:
        _tell(
            f"no passphrase is set: the one of rehearsals, {REHEARSAL_PASSPHRASE!r}, protects nothing, and these environments may use a "
            f"real cluster: {', '.join(real)}; export {_PASSPHRASE[0]} yourself before you run pulumi"
        )
    else:
        found[_PASSPHRASE[0]] = REHEARSAL_PASSPHRASE
    return found


def make_stacks(space: Workspace) -> None:
    """Create the stack of each environment that has none yet: ``pulumi up`` does not do that without a terminal."""
    from stacks.clusters import open_cluster
    from stacks.deployment import Deployment
    from stacks.errors import StackError
    from toolchain import ToolchainError

    for name, environment in _environments(space):
        try:
            if isinstance(environment, StackError):
                raise environment
            Deployment(environment, cluster=open_cluster(environment, space.root), root=space.root).make()
        except (StackError, ToolchainError) as error:
            _tell(f"the stack {name} was not created: {error}")


def _environments(space: Workspace) -> Iterator[tuple[str, Environment | StackError]]:
    """Yield each environment by its name, or why its file cannot be read."""
    from stacks.environment.file import load, names
    from stacks.errors import StackError

    for name in names(space.root):
        try:
            yield name, load(name, root=space.root)
        except StackError as error:
            yield name, error


def _needs_its_own_passphrase(environment: Environment | StackError) -> bool:
    if isinstance(environment, Exception):
        return True
    return not environment.cluster.is_ours and environment.secrets.stack_encryption == "passphrase"


def _tell(words: str) -> None:
    """Print a note, as a shell comment in case somebody evaluates stderr, too."""
    for line in words.splitlines():
        typer.echo(f"# {line}", err=True)
