"""A Docker daemon for the tests, and images made here: no registry is asked for anything.

Where a daemon answers it is used. Otherwise, as root and with `dockerd` installed, one is started with its data, socket and pid
file in a folder of its own, and ended afterwards; a daemon of the machine is never touched.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import docker
import pytest
from testcontainers.core.config import ConnectionMode, testcontainers_config

import toolchain

SUITE = "bookworm"

# The reaper is an image of a registry; every container here is ended by its own test. Its mapped port is on this host, not on the bridge.
testcontainers_config.ryuk_disabled = True
testcontainers_config.connection_mode_override = ConnectionMode.docker_host


def answers(host: str | None) -> bool:
    try:
        with closing(docker.DockerClient(base_url=host, timeout=2) if host else docker.from_env(timeout=2)) as client:
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
        for _ in range(60):
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
        process.wait(timeout=30)
        log.close()


@pytest.fixture(scope="session")
def debian_image(daemon: None) -> Callable[..., str]:
    """Return a function that makes an image of Debian packages and returns its name; the root file system is kept in the cache."""

    def build(name: str, packages: tuple[str, ...], command: str) -> str:
        recipe = hashlib.sha256(f"{SUITE} {packages} {command}".encode()).hexdigest()[:12]
        tag = f"sandtable/{name}:{recipe}"
        archive = toolchain.cache_dir() / "images" / f"{name}-{recipe}.tar"
        with closing(docker.from_env()) as client:
            if client.images.list(tag):
                return tag
            if not archive.is_file():
                bootstrap(packages, archive)
            with archive.open("rb") as content:
                client.api.import_image_from_data(content.read(), repository=tag.partition(":")[0], tag=recipe, changes=[f"CMD {command}"])
        return tag

    return build


def bootstrap(packages: tuple[str, ...], archive: Path) -> None:
    program = shutil.which("mmdebstrap")
    if not program:
        pytest.skip("mmdebstrap is not installed: apt-get install mmdebstrap")
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial.tar")
    command = [program, "--quiet", "--variant=extract", f"--include={','.join(packages)}", SUITE, str(partial)]
    subprocess.run(command, check=True, timeout=600)
    partial.rename(archive)
