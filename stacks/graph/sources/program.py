"""The graph from the program itself: runs it against a resource monitor that only records registrations.

No engine, no provider, no plugin and no cluster are needed. The monitor keeps the requests as they are (Pulumi's own mocks decode
and encode every value, which takes most of the time for a large stack) and answers each with its inputs.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime import mocks, settings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_in_stack

from stacks.environment import Environment
from stacks.environment.file import PROJECT
from stacks.errors import ConfigurationError, StackError
from stacks.graph import Graph, Resource
from stacks.graph.sources.unseen import unseen
from stacks.graph.urns import STACK, parent_of


class _NoMocks(mocks.Mocks):
    """Placeholder for the mocks that Pulumi requires; the recorder answers every registration before they are called."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise StackError(f"the program calls {args.token}, which needs Pulumi's engine: the graph cannot be made without it")

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise StackError(f"the program reads {args.typ} {args.name}, which needs Pulumi's engine: the graph cannot be made without it")


class _Recorder(mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(_NoMocks())
        self.registered: list[Resource] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # the name of the gRPC method
        # As in the engine's URNs: the stack's type is not part of its children's types (pulumi/sdk, resource/urn).
        parent = parent_of(request.parent) or ""
        urn = self.make_urn(parent, request.type, request.name)
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = _plain(request.object)
        needs = tuple(request.dependencies)
        self.registered.append(Resource(urn, request.type, request.name, parent or None, needs, inputs, custom=request.custom))
        identifier = request.name if request.custom else ""
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=request.object)


def _settings(recorder: _Recorder, stack: str) -> mocks.MockSettings:
    features = set(recorder.GetDeploymentInfo(None).supportedFeatures)  # type: ignore[no-untyped-call]
    return mocks.MockSettings(  # type: ignore[no-untyped-call]
        monitor=recorder, monitor_features=features, engine=mocks.MockEngine(None), project=PROJECT, stack=stack, dry_run=False
    )


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {key: _value(value) for key, value in struct.fields.items()}


def _value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain(value.struct_value)
    if kind == "list_value":
        return [_value(item) for item in value.list_value.values]  # protobuf, not pandas
    return None if kind == "null_value" else getattr(value, str(kind))


def from_program(environment: Environment) -> Graph:
    """Return the graph that the program declares for ``environment``.

    Raises:
        StackError: the program made a call that only an engine can answer.
        ConfigurationError: it declares a resource twice.
    """
    recorder = _Recorder()
    failures: list[BaseException] = []

    def run() -> None:
        from stacks.program import program

        # Pulumi keeps its settings in context variables and in the thread's event loop; a separate thread leaves the caller's (the
        # Automation API's, for instance) unchanged.
        try:
            settings.configure(_settings(recorder, environment.name))
            asyncio.run(run_in_stack(lambda: program(environment)))
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=contextvars.Context().run, args=(run,), name="graph")
    with _without_collections():
        thread.start()
        thread.join()
    if failures:
        raise failures[0]
    _each_once(recorder.registered)
    return Graph.of(recorder.registered, "program", unseen(recorder.registered))


@contextmanager
def _without_collections() -> Iterator[None]:
    """Disable garbage collection: a program's objects stay alive, and scanning them repeatedly took a fifth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _each_once(registered: Iterable[Resource]) -> None:
    """Reject duplicates that the engine (same URN) or the API server (same object) would reject half-way through a deployment."""
    seen: dict[object, Resource] = {}
    for resource in registered:
        for key in (resource.urn, *([resource.identity] if resource.is_object else [])):
            if key in seen:
                raise ConfigurationError(
                    f"{resource.label} is declared twice: {seen[key].urn} and {resource.urn}. "
                    "Two parts of the environment use the same name: rename one of them"
                )
            seen[key] = resource
