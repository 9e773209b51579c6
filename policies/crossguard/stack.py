"""The stack under evaluation: which environment its configuration describes.

The engine sends the configuration after the pack has started and before it evaluates anything (``ConfigureStack``). ``pulumi_policy`` 1.21
keeps only the tags of that message, so we read it ourselves. The pack runs in the program's folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pulumi_policy.policy
from pydantic import ValidationError

from stacks.environment import STACK_SECRETS, Environment
from stacks.environment.messages import PREFIX, FileOfEnvironment
from stacks.errors import ConfigurationError
from stacks.pricing.prices import PriceBook


@dataclass
class Stack:
    """What is known about the stack. ``environment`` None: it is not one of ours; ``price_book`` None: the bundled one."""

    environment: Environment | None = None
    price_book: PriceBook | None = None

    def configure(self, name: str, config: Mapping[str, str], root: Path = Path()) -> None:
        """Read the stack's configuration; ``root`` is the program's folder, in which the environment's price book lies.

        Raises:
            ConfigurationError: a value is invalid, or the price book cannot be read.
        """
        self.environment = environment_of(name, config)
        self.price_book = PriceBook.named(self.environment.budget.price_book, root=root) if self.environment else None


def listen(stack: Stack) -> None:
    """Pass the engine's description of the stack to ``stack``; an invalid configuration ends the update with the error's text."""
    servicer: Any = pulumi_policy.policy._PolicyAnalyzerServicer  # noqa: SLF001  # there is no public place where this message arrives
    theirs = servicer.ConfigureStack

    def configure(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            stack.configure(request.stack, dict(request.config))
        except ConfigurationError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return theirs(self, request, context)

    servicer.ConfigureStack = configure


def environment_of(stack: str, config: Mapping[str, str]) -> Environment | None:
    """Return the environment that a stack's configuration describes, None if it has no ``sandtable:`` keys.

    Pulumi passes structured values as JSON; the program's secrets are not part of an environment.

    Raises:
        ConfigurationError: a value is invalid; one line per mistake.
    """
    values = {key.removeprefix(PREFIX): value for key, value in config.items() if key.startswith(PREFIX)}
    if not values:
        return None
    fields = {key: json.loads(value) if value[:1] in {"{", "["} else value for key, value in values.items() if key not in STACK_SECRETS}
    try:
        return Environment.model_validate({**fields, "name": stack})
    except ValidationError as error:
        file = FileOfEnvironment(Path(f"Pulumi.{stack}.yaml"), None, fields)
        raise ConfigurationError("\n".join(dict.fromkeys(map(file.tell, file.slips(error))))) from error
