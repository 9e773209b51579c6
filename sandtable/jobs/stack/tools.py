"""The servers and tools that a job needs: found, fetched or built, with an estimate before anything is built."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from sandtable.terminal import Steps
    from stacks.environment import Environment
    from toolchain import Plan, Tool, ToolchainError
    from toolchain.installing.progress import BuildProgress

#: Go comes first and is only fetched. Without a network that fails within this time, and nothing was promised; with one it is over by then.
_FETCH_PATIENCE_S: Final = 20.0


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

    needed = toolchain.plan(names, verify=verify)
    if not needed.steps:
        return toolchain.ensure(names)
    with steps.step("tools") as step, steps.builds() as show:
        found = toolchain.ensure(names, on_progress=_Announced(needed, steps, show), verify=verify)
        step.note(f"{_count(needed)} provided")
    return found


def ensure_or_skip(names: Sequence[str], steps: Steps, words: Callable[[str], str]) -> str | None:
    """Get the tools as :func:`ensure` does; where one cannot be had, say so in ``words`` and return the reason with its mend."""
    import toolchain

    try:
        needed = toolchain.plan(names)
        if not needed.steps:
            toolchain.environment(toolchain.ensure(names))
            return None
    except (toolchain.ToolMissingError, toolchain.CacheError) as error:
        steps.skip("tools", words(_reason(error)))
        return _with_mend(error)
    with steps.step("tools") as step, steps.builds() as show:
        try:
            toolchain.environment(toolchain.ensure(names, on_progress=_Announced(needed, steps, show)))
        except (toolchain.ToolMissingError, toolchain.CacheError) as error:
            step.skip(words(_reason(error)))
            return _with_mend(error)
        step.note(f"{_count(needed)} provided")
    return None


def ensure_environment(group: str, steps: Steps) -> Path:
    """Return the Python of the environment of a workload's dependency group, making it where it is missing; silent where it is there.

    Raises:
        toolchain.ToolchainError: it cannot be had; the text names the remedy.
    """
    from toolchain.cache import Cache
    from toolchain.environments import environment_for, find, read_groups
    from toolchain.installing.progress import duration

    groups = read_groups()
    if group in groups and (python := find(groups[group], Cache.of(os.environ))):
        return python
    if group in groups:
        steps.say(f"The Python environment of {group} is not here yet; getting it takes about {duration(groups[group].seconds)}, once.")
    with steps.step(f"environment {group}"), steps.builds() as show:
        return environment_for(group, on_progress=show)


class _Announced:
    """A listener that says what is to come, and how long it takes, before it passes the first event on."""

    def __init__(self, needed: Plan, steps: Steps, show: Callable[[BuildProgress], None]) -> None:
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
        what = "1 tool is not here yet; getting it" if missing == 1 else f"{missing} tools are not here yet; getting them"
        self._steps.say(f"{what} takes about {takes}, once. Ctrl-C is safe: finished parts are kept.")


def _count(needed: Plan) -> int:
    return sum(len(step.tools) for step in needed.steps)


def _reason(error: ToolchainError) -> str:
    """The first line of an error: what is missing, without the log that proves it."""
    return str(error).partition("\n")[0]


def _with_mend(error: ToolchainError) -> str:
    mend = getattr(error, "mend", None)
    return f"{_reason(error)}; to mend: {mend}" if mend else _reason(error)
