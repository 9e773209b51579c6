"""Finds, installs or builds the servers and command-line tools that the other packages run.

>>> from toolchain import ensure, tools_for
>>> ensure(tools_for("graph"))
{}

``resolve`` finds one tool and never installs; ``plan`` lists what is missing and how long it takes; ``ensure`` installs it; ``environment``
returns the variables with which a process finds the tools; ``status`` is the doctor's table.
"""

from toolchain.cache import cache_dir
from toolchain.catalogue import ALL, JOBS, bundled
from toolchain.errors import CacheError, CatalogueError, InstallFailedError, ToolchainError, ToolMissingError, UnknownToolError
from toolchain.finding.bin_folder import environment
from toolchain.finding.health import ToolStatus, status
from toolchain.finding.resolver import Resolver, Tool
from toolchain.installing.installer import InstallPlan, InstallStep, ensure, obtainable, plan
from toolchain.installing.progress import BuildProgress, PlainLines

__all__ = [
    "ALL",
    "JOBS",
    "BuildProgress",
    "CacheError",
    "CatalogueError",
    "InstallFailedError",
    "InstallPlan",
    "InstallStep",
    "PlainLines",
    "Resolver",
    "Tool",
    "ToolMissingError",
    "ToolStatus",
    "ToolchainError",
    "UnknownToolError",
    "bundled",
    "cache_dir",
    "ensure",
    "environment",
    "obtainable",
    "plan",
    "resolve",
    "status",
    "tools_for",
]


def resolve(name: str) -> Tool:
    """Return the tool called ``name``, found on this machine or in the cache; nothing is installed.

    Raises:
        UnknownToolError: the catalogue has no such name; the message suggests the closest one.
        ToolMissingError: it is missing, or the version found does not fit; ``fix`` is the command that provides it.
    """
    return Resolver().resolve(name)


def tools_for(job: str) -> tuple[str, ...]:
    """Return the tools that a job needs: one of :data:`JOBS`, or all.

    Raises:
        UnknownToolError: there is no such job.
    """
    return bundled().for_job(job)
