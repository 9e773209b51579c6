"""Gets tools, and shows what that takes: an estimate before anything starts, then how far each build is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandtable.terminal import Steps
    from stacks.environment import Environment
    from toolchain import Tool


def needed_for(environment: Environment) -> list[str]:
    """Return the tools that deploying ``environment`` takes: a cluster of the user's own needs none of ours."""
    import toolchain

    cluster = toolchain.tools_for("cluster")
    return [name for name in toolchain.tools_for("deploy") if environment.cluster.provider == "embedded" or name not in cluster]


def ensure(names: Sequence[str], steps: Steps, *, verify: bool = False) -> dict[str, Tool]:
    """Find, download or build the tools called ``names``; silent where all of them are there.

    With ``verify``, what no longer has the checksum of its installation is made again.

    Raises:
        toolchain.ToolchainError: one cannot be had; the text names the command that mends it.
    """
    import toolchain
    from toolchain.installing.progress import duration

    needed = toolchain.plan(names)
    if not needed.steps:
        return toolchain.ensure(names, verify=verify)
    count = sum(len(step.tools) for step in needed.steps)
    steps.say(
        f"{count} tools are not here yet; getting them takes about {duration(needed.estimate_s)}, once. Ctrl-C is safe: finished parts are kept."
    )
    with steps.step("tools") as step, steps.builds() as show:
        found = toolchain.ensure(names, on_progress=show, verify=verify)
        step.note(f"{count} provided")
    return found
