"""The real engine: llama.cpp over the model that the project writes."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandtable.local.engine import EngineProcess
from simulations.calibration.client import ask
from workloads.engine.errors import EngineStartError
from workloads.engine.spec import EngineSpec

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def engine(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(EngineSpec(port=0), log=tmp_path_factory.mktemp("log") / "engine.log", cache=cache) as running:
        yield running


def wait_until_gone(pid: int, limit_s: float = 120.0) -> bool:
    """Return whether the process ends in time; it is no child of ours, so it can only be asked for."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.05)
                continue
        return True
    return False


def test_every_token_is_one_visible_piece_of_the_stream(engine: EngineProcess) -> None:
    """The client raises where an answer of n tokens is not n pieces of text."""

    async def many() -> None:
        lengths = [(1, 1), (8, 3), (100, 60), (512, 2), (700, 120), (30, 30), (31, 31), (32, 32), (1000, 24)]
        await asyncio.gather(*(ask(engine.url, prompt_tokens=p, output_tokens=o, text_seed=n) for n, (p, o) in enumerate(lengths)))

    asyncio.run(many())


def chat(url: str, content: str, **options: object) -> urllib.request.Request:
    import json

    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 4, "ignore_eos": True} | options
    return urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})


def test_a_character_is_a_token_and_the_template_adds_none(engine: EngineProcess) -> None:
    import json

    text = "Any text, with spaces  and\nlines; 0123456789 ~!@#"
    with urllib.request.urlopen(chat(engine.url, text)) as answer:
        document = json.load(answer)
    assert document["usage"] == {"prompt_tokens": len(text), "completion_tokens": 4, "total_tokens": len(text) + 4} | {
        key: value for key, value in document["usage"].items() if key.endswith("details")
    }
    written = document["choices"][0]["message"]["content"]
    assert len(written) == 4
    assert written.isascii()
    assert written.isalpha()


def test_a_prompt_that_fills_the_context_is_refused(engine: EngineProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(chat(engine.url, "a" * 1024))
    with refused.value as answer:
        assert answer.code == 400
        assert b"exceeds the available context size (1024 tokens)" in answer.read()


def test_it_shows_metrics(engine: EngineProcess) -> None:
    with urllib.request.urlopen(f"{engine.url}/metrics") as answer:
        assert b"llamacpp:tokens_predicted_total" in answer.read()


def test_it_ends_when_asked_also_with_requests_in_flight(cache: Path, tmp_path: Path) -> None:
    with EngineProcess(EngineSpec(port=0), log=tmp_path / "engine.log", cache=cache) as running:
        assert running.alive()
        assert running.exit_reason() == ""
        with socket.create_connection(("127.0.0.1", running.spec.port)) as connection:
            request = chat(running.url, "a", max_tokens=1000, stream=True)
            assert isinstance(request.data, bytes)
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(request.data) + request.data
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            running.stop()
    assert not running.alive()
    assert "ended with exit code 0" in running.exit_reason()


def test_an_engine_that_was_killed_says_so(cache: Path, tmp_path: Path) -> None:
    with EngineProcess(EngineSpec(port=0), log=tmp_path / "engine.log", cache=cache) as running:
        os.kill(running.pid, signal.SIGKILL)
        running.child.wait(120)  # the kernel takes its threads down one by one
        assert not running.alive()
        reason = running.exit_reason()
    # Its last lines follow where it had written any: it answers an instant before it says so.
    assert reason.startswith(f"the engine on port {running.spec.port} was ended by signal 9")


def test_an_engine_does_not_outlive_who_started_it(cache: Path, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from sandtable.local.engine import EngineProcess; "
        "from workloads.engine.spec import EngineSpec; "
        "engine = EngineProcess(EngineSpec(port=0), log=Path(sys.argv[1]), cache=Path(sys.argv[2])).__enter__(); "
        "print(engine.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "log"), str(cache)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    assert wait_until_gone(pid)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory; give the path of a GGUF file, 'synthetic' or 'tiny'"),
        (b"PK\x03\x04", "not a GGUF file (it begins with b'PK\\x03\\x04'); give the path of a GGUF file, 'synthetic' or 'tiny'"),
    ],
)
def test_a_model_that_is_none_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    model = tmp_path / "model.gguf"
    if content is not None:
        model.write_bytes(content)
    with (
        pytest.raises(EngineStartError) as failed,
        EngineProcess(EngineSpec(model=str(model), port=0), log=tmp_path / "log", cache=tmp_path),
    ):
        pass
    assert "ended with exit code 2" in str(failed.value)
    assert f"engine: --model={model}: {message}" in str(failed.value)


def test_a_damaged_model_shows_what_llama_cpp_says(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF" + bytes(100))
    with (
        pytest.raises(EngineStartError) as failed,
        EngineProcess(EngineSpec(model=str(model), port=0), log=tmp_path / "log", cache=tmp_path),
    ):
        pass
    assert "ended with exit code 1" in str(failed.value)
    assert "llama.cpp did not start" in str(failed.value)


def test_a_port_that_is_taken_is_named(cache: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        spec = EngineSpec(port=other.getsockname()[1])
        with pytest.raises(EngineStartError) as failed, EngineProcess(spec, log=tmp_path / "log", cache=cache):
            pass
    assert "ended with exit code 3" in str(failed.value)
    assert f"port {spec.port} of 127.0.0.1: Address already in use; give another one with --port" in str(failed.value)


def test_bad_arguments_end_with_the_usage() -> None:
    done = subprocess.run([sys.executable, "-m", "workloads.engine", "--slots=none"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: python -m workloads.engine" in done.stderr
    assert "argument --slots: 'none' is not a whole number" in done.stderr
