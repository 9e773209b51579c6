"""A Pulumi language host for Python: lets the `pulumi` command run this project's program and its policy pack.

The engine starts ``pulumi-language-python ENGINE_ADDRESS``, reads a port from the first line of standard output and then calls the service
``LanguageRuntime`` (pulumi/proto/language.proto). Three calls are implemented: ``Run`` (the program), ``RunPlugin`` (policy packs,
component providers) and ``Handshake``. The official host also installs dependencies and creates projects, which ours leaves to pip.

Rule 1: the program runs in this process and with this Python, whose environment contains the project.
Rule 2: an error of the program is shown once, as its traceback, and the update fails.
Rule 3: the host does not outlive the engine that started it.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import grpc  # type: ignore[import-untyped]
from pulumi import RunError
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from foundation.processes.child import Child

_VERSION = "0.1.0"


class LanguageHost(LanguageServer):
    """The service; the Automation API uses its base class ``LanguageServer`` for inline programs."""

    def __init__(self, engine_address: str) -> None:
        super().__init__(lambda: None)
        self._engine_address = engine_address

    def Handshake(self, request: language_pb2.LanguageHandshakeRequest, _context: Any) -> language_pb2.LanguageHandshakeResponse:  # noqa: N802  # named by the protocol
        """Store the address of the engine's log."""
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, _request: Any, _context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802
        """Return the version."""
        return plugin_pb2.PluginInfo(version=_VERSION)

    def InstallDependencies(self, _request: Any, _context: Any) -> Iterator[language_pb2.InstallDependenciesResponse]:  # noqa: N802
        """Install nothing: the environment of this Python is the project's."""
        return iter(())

    def GetProgramDependencies(self, _request: Any, _context: Any) -> language_pb2.GetProgramDependenciesResponse:  # noqa: N802
        """Return an empty list (called by `pulumi about`)."""
        return language_pb2.GetProgramDependenciesResponse()

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:  # noqa: N802
        """Run the program of the request; its resources are registered with the monitor that the request names."""
        info, arguments = request.info, list(request.args)
        self.program = lambda: run_program(Path(info.program_directory), info.entry_point, arguments)
        del request.args[:]
        request.args.append(self._engine_address)  # where LanguageServer looks for it
        response: language_pb2.RunResponse = super().Run(request, context)  # type: ignore[no-untyped-call]
        if response.error:  # already reported through the engine's log; `bail` keeps the engine from reporting it again
            return language_pb2.RunResponse(bail=True)
        return response

    def RunPlugin(self, request: language_pb2.RunPluginRequest, context: Any) -> Iterator[language_pb2.RunPluginResponse]:  # noqa: N802
        """Start a plugin written in Python and forward its output, then its exit code."""
        module = ["-m", "pulumi.policy"] if request.kind == "analyzer" else []
        program = str(Path(request.info.program_directory, request.info.entry_point))
        # `pulumi.policy ENGINE PROGRAM`, but a component provider is `PROGRAM ENGINE`.
        arguments = [*request.args, program] if module else [program, *request.args]
        environ = os.environ | dict(pair.partition("=")[::2] for pair in request.env)
        command = [sys.executable, "-u", *module, *arguments]
        with Child(command, cwd=request.pwd or None, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            context.add_callback(child.process.terminate)
            with child.process as process:
                yield from _output(process)
            yield language_pb2.RunPluginResponse(exitcode=child.process.wait())


def run_program(directory: Path, entry_point: str, arguments: list[str]) -> None:
    """Run the file or package at ``directory/entry_point`` as the main program, as `python PATH` would.

    Raises:
        RunError: the program raised; the text is its traceback without our own frames.
    """
    path = (directory / entry_point).resolve()
    os.chdir(directory)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path if path.is_dir() else path.parent))
    try:
        runpy.run_path(str(path), run_name="__main__")
    except RunError:
        raise
    except SystemExit as error:
        if error.code not in (None, 0):
            raise RunError(f"the program ended with exit code {error.code}") from error
    except Exception as error:
        own = (__file__, runpy.__file__)
        told = traceback.TracebackException.from_exception(error)
        told.stack = traceback.StackSummary.from_list(
            [frame for frame in told.stack if frame.filename not in own and "<frozen" not in frame.filename]
        )
        raise RunError("the program failed:\n" + "".join(told.format())) from error


def _output(process: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """Yield the lines of both streams as they arrive, until both are closed."""
    lines: SimpleQueue[language_pb2.RunPluginResponse | None] = SimpleQueue()

    def pump(stream: IO[bytes], wrap: Callable[[bytes], language_pb2.RunPluginResponse]) -> None:
        for line in stream:
            lines.put(wrap(line))
        lines.put(None)

    assert process.stdout is not None
    assert process.stderr is not None
    with ThreadPoolExecutor(max_workers=2) as pool:
        pool.submit(pump, process.stdout, lambda line: language_pb2.RunPluginResponse(stdout=line))
        pool.submit(pump, process.stderr, lambda line: language_pb2.RunPluginResponse(stderr=line))
        for _ in range(2):
            yield from iter(lines.get, None)


def serve(engine_address: str) -> None:
    """Serve on a loopback port, print the port, and run until the engine exits or requests a stop."""
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=[("grpc.max_receive_message_length", 400 * 1024 * 1024)])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: server.stop(grace=None))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    engine = os.getppid()
    while os.getppid() == engine and server.wait_for_termination(timeout=1.0):  # True: a second has passed and it still serves
        pass
    # Do not wait for a program that is still running: nothing is left to register its resources with.
    os._exit(0)


if __name__ == "__main__":
    # The engine's address is the last argument; flags such as -root come before it.
    serve(next((argument for argument in reversed(sys.argv[1:]) if not argument.startswith("-")), ""))
