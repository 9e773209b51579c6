"""A Docker daemon for the tests, and images made here: no registry is asked for anything.

Where a daemon answers it is used. Otherwise, as root and with `dockerd` installed, one is started with its data, socket and pid
file in a folder of its own, and ended afterwards; a daemon of the machine is never touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import docker
import pytest
from testcontainers.core.config import ConnectionMode, testcontainers_config

from stacks.rebuilt_images import rebuilt_images
from toolchain import InstallFailedError, ToolMissingError, cache_dir
from toolchain.images import ensure_images, store, write_archive

# The reaper is an image of a registry; every container here is ended by its own test. Its mapped port is on this host, not on the bridge.
testcontainers_config.ryuk_disabled = True
testcontainers_config.connection_mode_override = ConnectionMode.docker_host


def answers(host: str | None) -> bool:
    try:
        with closing(docker.DockerClient(base_url=host, timeout=20) if host else docker.from_env(timeout=20)) as client:
            return bool(client.ping())
    except docker.errors.DockerException:
        return False


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("DOCKER_HOST")
    if answers(before):
        yield
        return
    program = shutil.which("dockerd")
    if not program or os.geteuid() != 0:
        pytest.skip("no Docker daemon answers, and none can be started: install docker.io and run as root")
    folder = tmp_path_factory.mktemp("docker")
    host = f"unix://{folder}/docker.sock"
    log = (folder / "dockerd.log").open("wb")
    command = [
        program,
        "--host",
        host,
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "--pidfile",
        f"{folder}/docker.pid",
    ]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(360):
            if answers(host):
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.5)  # at once where it has ended, half a second later where it is still starting
                break
        if not answers(host):
            pytest.fail("dockerd did not start:\n" + "\n".join((folder / "dockerd.log").read_text().splitlines()[-15:]))
        os.environ["DOCKER_HOST"] = host
        yield
    finally:
        if before is None:
            os.environ.pop("DOCKER_HOST", None)
        else:
            os.environ["DOCKER_HOST"] = before
        process.terminate()
        process.wait(timeout=120)
        log.close()


@pytest.fixture(scope="session")
def image(daemon: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return a function that makes an image of the stack, gives it to Docker, and returns its reference."""

    def make(name: str) -> str:
        wanted = rebuilt_images()[name].wanted
        assert wanted is not None
        try:
            [made] = ensure_images([wanted]).values()
        except InstallFailedError:
            raise
        except ToolMissingError as error:
            pytest.skip(str(error))
        archive = tmp_path_factory.mktemp("images") / f"{name}.tar"
        with archive.open("wb") as file:
            write_archive(made, store(cache_dir()), file)
        with closing(docker.from_env()) as client, archive.open("rb") as file:
            client.images.load(file)
        archive.unlink()
        return made.reference

    return make
