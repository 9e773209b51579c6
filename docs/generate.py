"""Writes the pages that are made from code: docs/environment.md and all of docs/schemas.

    python docs/generate.py            rewrites them
    python docs/generate.py --check    writes nothing; ends with 1 and names the pages that are out of date

Rule 1: every word about a field stands in its type, in stacks/environment or sandtable/document; this file only arranges it.
Rule 2: the same model gives the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sandtable.commands.schema import document
from sandtable.document.schemas import SCHEMAS
from stacks.environment import STACK_SECRETS, Environment
from stacks.environment.file import PROJECT
from stacks.environment.thresholds import METRICS, OPERATORS
from stacks.environment.values import LABEL_FORM, NAME_FORM

DOCS: Final = Path(__file__).resolve().parent

#: Unit by how `<model>.<field>` ends; the longest ending that fits holds.
UNITS: Final = {
    "_gib": "GiB",
    "_gib_per_node": "GiB",
    ".vcpu_per_node": "virtual CPUs",
    ".per_node": "GPUs",
    ".cpu": "CPUs",
    "resources.gpu": "GPUs",
    "_per_s": "1/s",
    "_s": "s",
    "_ms": "ms",
    "_bytes": "bytes",
    "_per_min": "1/min",
    "_tokens_per_min": "tokens/min",
    "usd_per_day": "USD/day",
    "ownprice.input": "USD/M tokens",
    "ownprice.output": "USD/M tokens",
    "ownprice.cache_read": "USD/M tokens",
    "_h": "h",
    "_days": "days",
    "_tokens": "tokens",
    "_usd": "USD",
    "lengths.mean": "tokens",
    "lengths.low": "tokens",
    "lengths.high": "tokens",
}

#: Kinds of text by their form; what they are is told once, at the top of the page, in place of the descriptions that they bring along.
KINDS: Final = {NAME_FORM: "name", LABEL_FORM: "label"}
TOLD_ONCE: Final = ("A DNS label: lower-case letters, digits, dashes.", "A Kubernetes label value: letters, digits, - _ .")

HEAD: Final = """# The environment file

One file, `Pulumi.<name>.yaml`, says all that Sandtable needs to know of an environment. This page is made from `stacks/environment` by
`python docs/generate.py`; change the words there.

Every key below stands under `config:` with the prefix `{project}:`, as in

```yaml
config:
  {project}:ai_stack:
    replicas: 3
    pool: serving
```

What is not written has the default of this page, and the defaults fit a laptop. Units are in the names: a value is a bare number, never
`8Gi` or `90s`, and of the kind that is named: `3` is no text, `"3"` no number, `"no"` no `false`. Unknown keys, and keys that stand
twice, are errors; the message names the line and the nearest right spelling. An editor that knows JSON Schema checks while
you type: `sandtable schema` prints [the schema](schemas/environment.json).

A *name* is a DNS label: lower-case letters, digits, dashes. A *label* is a Kubernetes label value: letters, digits, `-`, `_`, `.`.
Shares run from 0 to 1.

Secrets of the stack are no part of this model: {secrets}, each a single `secure:`
entry.
[operate an environment](guides/operate-an-environment.md#secrets) shows how to set one.
"""


def pages() -> dict[Path, str]:
    """Return every generated page with its text."""
    return {
        DOCS / "environment.md": reference(),
        DOCS / "schemas" / "environment.json": json.dumps(document(), indent=2) + "\n",
        **{DOCS / "schemas" / f"{name}.json": json.dumps(schema.to_json(), indent=2) + "\n" for name, schema in SCHEMAS.items()},
    }


def reference() -> str:
    """Return docs/environment.md."""
    model = Environment.model_json_schema()
    definitions = model["$defs"]
    parts = [
        HEAD.format(project=PROJECT, secrets=", ".join(f"`{key}`" for key in STACK_SECRETS)),
        "## Top level\n",
        _table("", {**model, "properties": _without_name(model["properties"])}, definitions),
    ]
    for name in _in_order(model, definitions):
        parts += [
            f"## {_heading(name)}\n",
            definitions[name]["description"].replace("``", "`") + "\n",
            _table(name, definitions[name], definitions),
        ]
    operators = ", ".join(f"`{sign}`" for sign in OPERATORS)
    parts += [
        "## Thresholds\n",
        f"`<metric> <operator> <number>`, the operator one of {operators}. See [read a report](guides/read-a-report.md).\n",
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


def _without_name(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out the name of the environment, which is that of its file."""
    return {name: field for name, field in fields.items() if name != "name"}


def _table(owner: str, model: dict[str, Any], definitions: dict[str, Any]) -> str:
    required = set(model.get("required", ()))
    rows = []
    for name, field in model["properties"].items():
        whole = definitions[field["$ref"].rpartition("/")[2]] if "$ref" in field and not owner else None
        default = "**required**" if name in required else "see there" if whole else _default(field)
        rows.append((f"`{name}`", _kind(field), _unit(owner, name), default, _meaning(field, whole)))
    return _rows(("key", "value", "unit", "default", ""), rows)


def _meaning(field: dict[str, Any], whole: dict[str, Any] | None) -> str:
    text = field.get("description") or (whole or {}).get("description", "")
    return "" if text in TOLD_ONCE else " ".join(text.replace("``", "`").split())


def _rows(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _kind(field: dict[str, Any]) -> str:
    """What may stand there, in words."""
    match field:
        case {"$ref": reference}:
            kind = _link(reference)
        case {"anyOf": choices}:
            kind = " or ".join(_kind(choice) for choice in choices if choice.get("type") != "null")
        case {"enum": values}:
            kind = ", ".join(f"`{value}`" for value in values)
        case {"prefixItems": _}:
            kind = "pair"
        case {"type": "array", "items": items}:
            kind = "list of " + _kind(items)
        case {"type": "object", "patternProperties": values}:
            kind = "mapping of names to " + _kind(*values.values())
        case {"pattern": form} if form in KINDS:
            kind = KINDS[form]
        case {"type": plain}:
            words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true`, `false`"}
            kind = words[plain] + _bounds(field)
        case _:
            raise TypeError(f"no words for {field}")
    return kind


def _bounds(field: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {field[key]:.10g}" for key, sign in words.items() if key in field]
    return f", {', '.join(bounds)}" if bounds else ""


def _unit(owner: str, name: str) -> str:
    full = f"{owner.lower()}.{name}"
    fitting = [ending for ending in UNITS if full.endswith(ending)]
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
    if isinstance(value, bool):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


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
