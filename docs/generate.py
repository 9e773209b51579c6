"""Writes the pages that are made from code: docs/environment.md and docs/schemas/environment.json.

    python docs/generate.py            writes them anew
    python docs/generate.py --check    writes nothing; ends with 1 and names the pages that are out of date

Rule 1: every word about a field stands in stacks/environment.py; this file only arranges it.
Rule 2: the same model gives the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sandtable.commands.schema import document
from stacks.environment import Environment
from stacks.environment_file import PROJECT
from stacks.thresholds import METRICS, OPERATORS

DOCS: Final = Path(__file__).resolve().parent

#: Unit by the last words of a field's name; the longest ending that fits holds.
UNITS: Final = {
    "_gib": "GiB",
    "_gib_per_node": "GiB",
    "vcpu_per_node": "virtual CPUs",
    "gpu.per_node": "GPUs",
    "cpu": "CPUs",
    "resources.gpu": "GPUs",
    "_per_s": "1/s",
    "_s": "s",
    "_h": "h",
    "_days": "days",
    "_tokens": "tokens",
    "_usd": "USD",
    "_share": "share",
    "lengths.mean": "tokens",
    "lengths.low": "tokens",
    "lengths.high": "tokens",
}

HEAD: Final = """# The environment file

One file, `Pulumi.<name>.yaml`, says all that Sandtable needs to know of an environment. This page is made from `stacks/environment.py` by
`python docs/generate.py`; change the words there.

Every key below stands under `config:` with the prefix `{project}:`, as in

```yaml
config:
  {project}:ai_stack:
    replicas: 3
    pool: serving
```

What is not written has the default of this page, and the defaults fit a laptop. Units are in the names: a value is a bare number, never
`8Gi` or `90s`. Unknown keys are errors; the message names the line and the nearest right spelling. An editor that knows JSON Schema checks
while you type: `sandtable schema` prints [the schema](schemas/environment.json).

A value that is a single `secure:` entry is a secret of the stack and no part of this model:
[operate an environment](guides/operate-an-environment.md#secrets) tells how to set one.
"""


def pages() -> dict[Path, str]:
    """Return every generated page with its text."""
    return {
        DOCS / "environment.md": reference(),
        DOCS / "schemas" / "environment.json": json.dumps(document(), indent=2) + "\n",
    }


def reference() -> str:
    """Return docs/environment.md."""
    model = Environment.model_json_schema()
    definitions = model["$defs"]
    parts = [HEAD.format(project=PROJECT), "## Top level\n", _table("", model, leave_out={"name"})]
    for name in _in_order(model, definitions):
        parts += [f"## {_heading(name)}\n", definitions[name]["description"] + "\n", _table(name, definitions[name])]
    parts += [
        "## Thresholds\n",
        f"`<metric> <operator> <number>`, the operator one of {', '.join(f'`{sign}`' for sign in OPERATORS)}. They are judged over the measurement "
        "and the prediction; see [read a report](guides/read-a-report.md).\n",
        _rows(("metric", "is"), [(f"`{name}`", meaning) for name, meaning in METRICS.items()]),
    ]
    return "\n".join(parts)


def _in_order(model: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    """Names of the models in the order in which a reader meets them, each once."""
    found: list[str] = []

    def walk(node: dict[str, Any]) -> None:
        for name in re.findall(r"#/\$defs/(\w+)", json.dumps(node["properties"])):
            if name not in found:
                found.append(name)
                walk(definitions[name])

    walk(model)
    return iter(found)


def _table(owner: str, model: dict[str, Any], leave_out: set[str] = frozenset()) -> str:  # type: ignore[assignment]
    required = set(model.get("required", ()))
    rows = [
        (f"`{name}`", _kind(field), _unit(owner, name), "**required**" if name in required else _default(field), _words(field.get("description", "")))
        for name, field in model["properties"].items()
        if name not in leave_out
    ]
    return _rows(("key", "value", "unit", "default", ""), rows)


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return _link(field["$ref"])
    if "allOf" in field:
        return _kind(field["allOf"][0])
    if "anyOf" in field:
        return " or ".join(_kind(choice) for choice in field["anyOf"] if choice.get("type") != "null")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        if "prefixItems" in field:
            return "pair"
        return "list of " + _kind(field["items"])
    if field.get("pattern", "").startswith("^[a-z0-9]([-a-z0-9]"):
        return "name"
    return {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true`, `false`"}[field["type"]] + _bounds(field)


def _bounds(field: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {field[key]:g}" for key, sign in words.items() if key in field]
    return f", {', '.join(bounds)}" if bounds else ""


def _unit(owner: str, name: str) -> str:
    full = f"{owner.lower()}.{name}"
    fitting = [ending for ending in UNITS if full.endswith(ending) and (ending[0] == "_" or full[: -len(ending)].endswith((".", "")))]
    return UNITS[max(fitting, key=len)] if fitting else ""


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or value in ([], {}):
        return "none"
    return f"`{_flow(value)}`"


def _flow(value: Any) -> str:
    """Return ``value`` as YAML's flow style, without the keys that are not set."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items() if inner is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _words(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _heading(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def _link(reference: str) -> str:
    heading = _heading(reference.rpartition("/")[2])
    return f"[{heading.lower()}](#{heading.lower().replace(' ', '-')})"


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` tell which are out of date; return the exit code."""
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(DOCS.parent)} is out of date: run `python docs/generate.py`", file=sys.stderr)
        return 1 if stale else 0
    if arguments:
        print("usage: python docs/generate.py [--check]", file=sys.stderr)
        return 2
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
