"""The servers and tools that a job needs: found, fetched or built, with an estimate before any build."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from sandtable.terminal import Steps
    from stacks.environment import Environment
    from toolchain import InstallPlan, Tool, ToolchainError
    from toolchain.installing.progress import BuildProgress

#: Wait this long before printing an estimate. Go comes first and is only fetched: without a network that has failed by then, and with one
#: it is done.
_FETCH_PATIENCE_S: Final = 20.0


def needed_for(environment: Environment) -> list[str]:
    """Return the tools needed to deploy ``environment``.

    Raises:
        stacks.errors.ClusterError: this machine cannot have its cluster.
    """
    import toolchain

    cluster = toolchain.tools_for("cluster")
    others = [name for name in toolchain.tools_for("deploy") if name not in cluster]
    return [*needed_for_cluster(environment), *others]


def needed_for_cluster(environment: Environment) -> list[str]:
    """Return the servers of the cluster of ``environment``; a user's cluster needs none.

    Raises:
        stacks.errors.ClusterError: this machine cannot have such a cluster, whatever is installed.
    """
    import toolchain
    from stacks.clusters import check_machine

    check_machine(environment)
    jobs = {"embedded": "cluster", "node": "node"}
    return list(toolchain.tools_for(jobs.get(environment.cluster.provider, "graph")))


def ensure(names: Sequence[str], steps: Steps, *, verify: bool = False) -> dict[str, Tool]:
    """Find, download or build the tools called ``names``; silent if all of them are present.

    With ``verify``, a tool whose checksum has changed since its installation is installed again.

    Raises:
        toolchain.ToolchainError: one cannot be installed; the text names the command that fixes it.
    """
    import toolchain

    needed = toolchain.plan(names, verify=verify)
    if not needed.steps:
        return toolchain.ensure(names)
    with steps.step("tools") as step, steps.builds() as show:
        found = toolchain.ensure(names, on_progress=_Announced(needed, steps, show), verify=verify)
        step.note(f"{_count(needed)} provided")
    return found


def ensure_or_skip(names: Sequence[str], steps: Steps, words: Callable[[str], str]) -> str | None:
    """Get the tools as :func:`ensure` does; if one cannot be installed, say so in ``words`` and return the reason with its fix."""
    import toolchain

    try:
        needed = toolchain.plan(names)
        if not needed.steps:
            toolchain.environment(toolchain.ensure(names))
            return None
    except (toolchain.ToolMissingError, toolchain.CacheError) as error:
        steps.skip("tools", words(_reason(error)))
        return _with_fix(error)
    with steps.step("tools") as step, steps.builds() as show:
        try:
            toolchain.environment(toolchain.ensure(names, on_progress=_Announced(needed, steps, show)))
        except (toolchain.ToolMissingError, toolchain.CacheError) as error:
            step.skip(words(_reason(error)))
            return _with_fix(error)
        step.note(f"{_count(needed)} provided")
    return None


def ensure_environment(group: str, steps: Steps) -> Path:
    """Return the Python of the environment of a workload's dependency group, creating it if it is missing; silent if it is present.

    Raises:
        toolchain.ToolchainError: it cannot be made; the text names the fix.
    """
    from toolchain.cache import Cache
    from toolchain.environments import environment_for, find, read_groups
    from toolchain.installing.progress import duration

    groups = read_groups()
    if group in groups and (python := find(groups[group], Cache.of(os.environ))):
        return python
    if group in groups:
        steps.say(f"The Python environment of {group} is missing; installing it takes about {duration(groups[group].seconds)}, once.")
    with steps.step(f"environment {group}"), steps.builds() as show:
        return environment_for(group, on_progress=show)


class _Announced:
    """A listener that announces the work and its estimated time before it passes on the first event."""

    def __init__(self, needed: InstallPlan, steps: Steps, show: Callable[[BuildProgress], None]) -> None:
        self._needed, self._steps, self._show = needed, steps, show
        self._held: list[BuildProgress] | None = []

    def __call__(self, event: BuildProgress) -> None:
        if self._held is None:
            self._show(event)
            return
        self._held.append(event)
        fetching_go = self._needed.steps[0].tools == ("go",)
        if fetching_go and (event.state in {"planned", "failed"} or (event.state == "running" and event.elapsed_s < _FETCH_PATIENCE_S)):
            return
        held, self._held = self._held, None
        self._announce()
        for earlier in held:
            self._show(earlier)

    def _announce(self) -> None:
        from toolchain.installing.progress import duration

        missing, takes = _count(self._needed), duration(self._needed.estimate_s)
        what = "1 tool is missing; installing it" if missing == 1 else f"{missing} tools are missing; installing them"
        self._steps.say(f"{what} takes about {takes}, once. Ctrl-C is safe: finished parts are kept.")


def _count(needed: InstallPlan) -> int:
    return sum(len(step.tools) for step in needed.steps)


def _reason(error: ToolchainError) -> str:
    """The first line of an error: what is missing, without the log."""
    return str(error).partition("\n")[0]


def _with_fix(error: ToolchainError) -> str:
    fix = getattr(error, "fix", None)
    return f"{_reason(error)}; to fix: {fix}" if fix else _reason(error)
