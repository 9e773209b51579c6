"""``sandtable schema``: the JSON Schema of an environment, for editors."""

from __future__ import annotations

import json as jsons
from typing import Any

import typer

from sandtable.commands.options import Json

EXAMPLES = """
Examples:

  sandtable schema > environment.schema.json

Then, in the first line of a Pulumi.<name>.yaml:

  # yaml-language-server: $schema=environment.schema.json
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema", rich_help_panel="Look", epilog=EXAMPLES)(schema)


def schema(json: Json = False) -> None:  # noqa: ARG001  # one JSON document is all that it prints, asked or not
    """Print the JSON Schema of Pulumi.<name>.yaml, for editors that check while you type."""
    typer.echo(jsons.dumps(document(), indent=2))


def document() -> dict[str, Any]:
    """Return the schema of a whole ``Pulumi.<name>.yaml``: Pulumi's own keys, and ours under ``config``."""
    from stacks.environment import STACK_SECRETS, Environment
    from stacks.environment.file import PROJECT

    model = Environment.model_json_schema()
    definitions = model.pop("$defs", {})
    secret = {"type": "object", "properties": {"secure": {"type": "string"}}, "required": ["secure"], "additionalProperties": False}
    names = [name for name in model["properties"] if name != "name"]
    fields = {f"{PROJECT}:{name}": model["properties"][name] for name in names}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sandtable environment (Pulumi.<name>.yaml)",
        "type": "object",
        "properties": {
            "encryptionsalt": {"type": "string"},
            "secretsprovider": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "config": {
                "type": "object",
                "properties": {**fields, **{f"{PROJECT}:{name}": secret for name in STACK_SECRETS}},
                # Any other key with our prefix is a mistake; the keys of providers are left to Pulumi.
                "patternProperties": {f"^{PROJECT}:(?!({'|'.join([*names, *STACK_SECRETS])})$)": False},
            },
        },
        "required": ["config"],
        "$defs": definitions,
    }
