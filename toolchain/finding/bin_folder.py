"""The variables with which a process finds the tools.

Rule: tools are found through one folder of links with the tools' names, first on PATH, so that exactly the resolved copies run. The
folder's name is a digest of its links, so it never changes under a running process.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from toolchain.cache import explained, remove
from toolchain.finding.resolver import Resolver, Tool


def environment(names: Iterable[str], resolver: Resolver | None = None) -> dict[str, str]:
    """Return the variables to add to a process's environment so that it finds ``names``.

    PATH is complete (the folder of links, then the current PATH); the others keep Pulumi off the network.

    Raises:
        ToolMissingError: one of the tools is not on this machine.
        CacheError: the folder of links cannot be written.
    """
    resolver = resolver or Resolver()
    tools = [resolver.resolve(name) for name in sorted(set(names))]
    folder = _links(resolver.cache.open_scratch("bin"), tools)
    return {
        "PATH": os.pathsep.join(filter(None, [str(folder), resolver.environ.get("PATH", "")])),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _links(home: Path, tools: list[Tool]) -> Path:
    wanted = {tool.name: tool.path for tool in tools}
    digest = hashlib.sha256("\n".join(f"{tool.name}={tool.origin}:{tool.path}" for tool in tools).encode()).hexdigest()[:12]
    folder = home / digest
    if folder.is_dir() and all((folder / name).exists() for name in wanted):
        return folder
    with explained(folder):
        draft = Path(tempfile.mkdtemp(prefix=".", dir=home))
        draft.chmod(0o755)
        for tool in tools:
            _link(draft / tool.name, tool)
        try:
            draft.rename(folder)
        except OSError:  # another process was faster, or links were removed from it
            if all((folder / name).exists() for name in wanted):
                remove(draft)
            else:
                remove(folder)
                draft.rename(folder)
    return folder


def _link(place: Path, tool: Tool) -> None:
    # Pulumi looks for its language hosts next to its own executable, with links resolved, and warns in every run about one found elsewhere.
    # A hard link to Pulumi makes this folder that place; an official installation has its own hosts next to it.
    if tool.name == "pulumi" and tool.origin == "build":
        with suppress(OSError):  # a file system without hard links: the warning is harmless
            place.hardlink_to(tool.path)
            return
    place.symlink_to(tool.path)
