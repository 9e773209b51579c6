"""A secret that is missing is told before somebody's cluster gets the mark that stands in its place: it is no password."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable

import pulumi
import pytest
from pulumi.runtime import config, mocks, settings

from stacks.components.stack_secrets import stack_secret
from stacks.environment import Cluster, Environment
from stacks.errors import ConfigurationError

EMBEDDED = Environment(name="dev")
SOMEBODYS = Environment(name="dev", cluster=Cluster(provider="kubeconfig"))


class _Unasked(mocks.Mocks):
    def call(self, args: mocks.MockCallArgs) -> dict[str, object]:
        raise AssertionError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        raise AssertionError(args.name)


def run(read: Callable[[], object], *, engine: bool, **secrets: str) -> object:
    """Run ``read`` as a program of the stack ``dev``, in a context of its own: Pulumi keeps its settings in context variables."""

    def program() -> object:
        own = settings.Settings(project="sandtable", stack="dev", monitor=object() if engine else mocks.MockMonitor(_Unasked()))
        settings.configure(own)
        config.set_all_config({f"sandtable:{key}": value for key, value in secrets.items()})
        return read()

    async def in_a_loop() -> object:  # which outputs need, whatever ran before
        return program()

    return contextvars.copy_context().run(asyncio.run, in_a_loop())


def test_on_somebodys_cluster_a_missing_secret_is_an_error_with_the_command_that_makes_it() -> None:
    with pytest.raises(
        ConfigurationError, match=r"sandtable:store_password is not set.*config set --secret store_password <value> --stack dev"
    ):
        run(lambda: stack_secret("store_password", SOMEBODYS), engine=True)


def test_a_secret_is_taken_as_it_is() -> None:
    assert isinstance(run(lambda: stack_secret("store_password", SOMEBODYS), engine=True, store_password="x"), pulumi.Output)


@pytest.mark.parametrize(("environment", "engine"), [(SOMEBODYS, False), (EMBEDDED, False), (EMBEDDED, True)])
def test_where_nobody_uses_it_a_mark_stands_in_its_place(environment: Environment, *, engine: bool) -> None:
    assert isinstance(run(lambda: stack_secret("store_password", environment), engine=engine), pulumi.Output)
