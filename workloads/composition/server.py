"""The function as Crossplane calls it: ``FunctionRunnerService`` of its protocol, version 1.

Source: crossplane, proto/fn/v1/run_function.proto; the SDK for Python translates.
"""

from __future__ import annotations

from crossplane.function import resource, response
from crossplane.function.proto.v1 import run_function_pb2 as messages
from crossplane.function.proto.v1 import run_function_pb2_grpc as services

from workloads.composition.compose import CompositionError, compose


class Composer(services.FunctionRunnerServiceServicer):  # type: ignore[misc]  # the SDK is not in this environment
    """Answers each request by itself."""

    async def RunFunction(self, request: messages.RunFunctionRequest, _context: object) -> messages.RunFunctionResponse:  # noqa: N802  # the protocol's name
        """Return what the claim should consist of; a claim that cannot be composed is a fatal result, and nothing of it changes."""
        answer = response.to(request)
        try:
            objects = compose(resource.struct_to_dict(request.observed.composite.resource), resource.struct_to_dict(request.input))
        except (CompositionError, KeyError, TypeError) as error:
            said = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            response.fatal(answer, said)
            return answer
        for name, document in objects.items():
            resource.update(answer.desired.resources[name], document)
            # None of them has a state of its own to wait for: it is ready as soon as it is there.
            if name in request.observed.resources:
                answer.desired.resources[name].ready = messages.READY_TRUE
        return answer
