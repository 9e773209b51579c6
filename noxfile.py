"""Sessions: `nox -l` lists them; the first two are all that a newcomer needs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["tests"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"

ROOT = Path(__file__).parent
IN_CI = bool(os.environ.get("CI"))
GROUPS = nox.project.load_toml("pyproject.toml")["dependency-groups"]


def _install(session: nox.Session, *groups: str) -> None:
    """Install the project and dependency groups at the versions of constraints.txt; does nothing where they are already there."""
    wanted = ROOT / "pyproject.toml", ROOT / "constraints.txt"
    stamp = Path(session.virtualenv.location) / f"installed-{'-'.join(groups) or 'main'}"
    newest = max(file.stat().st_mtime for file in wanted)
    if stamp.exists() and stamp.stat().st_mtime > newest:
        return
    requirements = [requirement for group in groups for requirement in GROUPS[group]]
    session.install("--constraint", "constraints.txt", "--editable", ".", *requirements)
    stamp.touch()


@nox.session
def rehearse(session: nox.Session) -> None:
    """The main job: deploy, predict, load-test and judge an environment, as in `nox -s rehearse -- dev`."""
    _install(session)
    session.run("sandtable", "rehearse", *(session.posargs or ["dev"]), success_codes=[0])


@nox.session
def tests(session: nox.Session) -> None:
    """Unit, contract, scenario and integration tests; `-- -k name` and all else goes to pytest."""
    _install(session, "test")
    session.run("pytest", "-n", "auto", "-m", "not e2e and not containers and not coordination and not platform", *session.posargs)


@nox.session(default=False)
def unit(session: nox.Session) -> None:
    """The unit tier alone: pure logic, the fastest answer."""
    _install(session, "test")
    session.run("pytest", "-n", "auto", "tests/unit", *session.posargs)


@nox.session(default=False, venv_backend="none")
def odd(session: nox.Session) -> None:
    """The unit tier shuffled, under odd terminals, locales, time zones, file modes and homes; uses what `nox -s tests` has installed."""
    pytest = Path(os.environ.get("NOX_ENVDIR") or ROOT / ".nox", "tests", "bin", "pytest").absolute()
    if not pytest.exists():
        session.error("run `nox -s tests --install-only` first")
    bare = {"TERM": "dumb", "COLUMNS": "40", "NO_COLOR": "1", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "CI": None}
    rich = {"TERM": None, "FORCE_COLOR": "1", "LC_ALL": None, "LANG": "C", "CI": "true"}
    for seed, umask, environ in (
        (1, 0o077, {**bare, "TZ": "<+14>-14", "HOME": "/dev/null/home"}),  # below a device not even root can write
        (2, 0o000, {**rich, "TZ": "<-11>11"}),
    ):
        before = os.umask(umask)
        try:
            arguments = "-n", "auto", "--shuffle", str(seed), "tests/unit", *session.posargs
            session.run(str(pytest), *arguments, env=environ, external=True)
        finally:
            os.umask(before)


@nox.session(default=False)
def e2e(session: nox.Session) -> None:
    """Real servers: cluster, deployment, drift, kill, engine, report in a browser; installs Chromium from Debian where it is missing.

    The prediction has the machine to itself. Of all else two files run at a time: most of it waits for rollouts.
    """
    _install(session, "test")
    _debian(session, "chromium", "chromium", "chromium-browser", "google-chrome")
    session.run("sandtable", "doctor", "--install")
    if session.posargs:
        session.run("pytest", "tests/e2e", "tests/contract", "-m", "e2e and not platform", *session.posargs)
        return
    alone = "tests/e2e/engine/test_prediction.py"
    session.run("pytest", "-m", "e2e", alone)
    two_files = "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"
    session.run("pytest", "-m", "e2e and not platform", *two_files, "--durations=15", "tests/e2e", "tests/contract", f"--deselect={alone}")


@nox.session(default=False)
def containers(session: nox.Session) -> None:
    """Services that the stack names, in containers built here and reached through testcontainers; needs Docker."""
    _install(session, "test")
    _debian(session, "docker.io", "dockerd")
    _debian(session, "mmdebstrap", "mmdebstrap")
    # testcontainers leaves its connections to the daemon to the garbage collector, which may come when the last test is long over: a test's
    # own filter does not hold then.
    # The first test of an image makes it, which takes minutes where the store is empty.
    session.run("pytest", "tests/e2e", "-m", "containers", "-W", "ignore::ResourceWarning", "--timeout=900", *session.posargs)


@nox.session(default=False)
def platform(session: nox.Session) -> None:
    """Clusters with a real node: pods, Services, policies, volumes, kills, all of `lab`; needs root, and builds a node's servers first.

    `-- --telling` runs the last of these alone. It compiles nothing, and is skipped with the reason where this machine cannot.
    """
    telling = "--telling" in session.posargs
    _install(session, "test")
    for package, program in (
        ("containerd", "containerd"),
        ("docker-registry", "docker-registry"),
        ("mmdebstrap", "mmdebstrap"),
        ("runc", "runc"),
        ("nftables", "nft"),
        ("iptables", "iptables"),
        ("ipset", "ipset"),
        ("iproute2", "ip"),
        ("busybox-static", "busybox"),
    ):
        _debian(session, package, program, required=not telling)
    if not telling:
        session.run("sandtable", "doctor", "--install", "--node")
    where = ["tests/e2e/node/test_lab.py"] if telling else ["tests/e2e/node", "tests/contract"]
    others = [argument for argument in session.posargs if argument != "--telling"]
    # An interrupt gives the tests the time to delete their clusters, which outlive them otherwise.
    session.run("pytest", *where, "-m", "platform", "--durations=10", *others, interrupt_timeout=120, terminate_timeout=10)


@nox.session(default=False)
def gateway(session: nox.Session) -> None:
    """Gateway and emulator as processes: faults on every wire, abuse, and the official SDKs against both."""
    _install(session, "test", "gateway", "gateway-parity")
    session.run("pytest", "tests/gateway", *session.posargs)


@nox.session(default=False)
def bench_gateway(session: nox.Session) -> None:
    """The gateway beside LiteLLM: same emulator, same generator, rounds in turn; `-- --rounds 5` and all else goes to the benchmark."""
    _install(session, "gateway")
    peer = Path(session.create_tmp()).parent / "peer"  # a world of its own: its pins would clash with ours
    if not (peer / "bin" / "litellm").exists():
        session.run("python", "-m", "venv", str(peer))
        session.run(str(peer / "bin" / "python"), "-m", "pip", "install", "--quiet", "litellm[proxy]==1.106.2", external=True)
    session.run("python", "-m", "benchmarks.gateway", f"--peer-python={peer / 'bin' / 'python'}", *session.posargs)


@nox.session(default=False)
def federation(session: nox.Session) -> None:
    """Accounting against the literature and its peers, Flower's FedAvg, proofs against the vectors of their draft, homomorphic sums."""
    _install(session, "test", "federation", "federation-proofs", "federation-homomorphic")
    flower = _peer(session, "flower", "flwr==1.41.0")
    session.run("pytest", "tests/federation", *session.posargs, env={"FLOWER_PYTHON": str(flower)})


@nox.session(default=False)
def training(session: nox.Session) -> None:
    """Reinforcement learning and compression, down to the engine that serves the result; makes an environment with torch (5 GB)."""
    _install(session, "test")
    _with_environment(session, "training")
    session.run("sandtable", "doctor", "--install")  # an environment with training jobs is rehearsed
    session.run("pytest", "tests/training", "--timeout=900", "--durations=10", *session.posargs)


@nox.session(default=False)
def coordination(session: nox.Session) -> None:
    """Groups of real processes: the contract beside etcd, faults, histories; partitions need root, for network namespaces."""
    _install(session, "test", "etcd")
    session.run("pytest", "-m", "coordination", "tests/coordination", "tests/contract", *session.posargs)


@nox.session(default=False)
def ray(session: nox.Session) -> None:
    """Sweeps on a local Ray cluster of two nodes, beside the same sweeps in worker processes."""
    _install(session, "test", "ray")
    session.run("pytest", "tests/on_ray", *session.posargs)


@nox.session(default=False)
def bench_federation(session: nox.Session) -> None:
    """The federation's table beside Flower and Opacus, whose torch is 5 GB; `-- --only sums` and all else goes to the benchmark."""
    _install(session, "test", "federation", "federation-proofs")
    flower, opacus = _peer(session, "flower", "flwr==1.41.0"), _peer(session, "opacus", "opacus==1.6.0")
    session.run("python", "-m", "benchmarks.federation", f"--flower-python={flower}", f"--opacus-python={opacus}", *session.posargs)


@nox.session(default=False)
def tiny_model(session: nox.Session) -> None:
    """Train the model of `engine.model: tiny` once, some minutes, and keep it in the cache; makes an environment with torch (5 GB)."""
    _install(session)
    _with_environment(session, "training")
    folder = session.run("python", "-c", "import toolchain; print(toolchain.cache_dir() / 'tiny-model')", silent=True)
    session.run("python", "-m", "workloads.compression", "train", "--out", str(folder).strip(), *session.posargs)


@nox.session(default=False)
def bench_training(session: nox.Session) -> None:
    """Figures of reinforcement learning and compression beside their peers; `-- --only ppo,digits` and all else goes to the benchmark."""
    _install(session, "training", "bench-training")
    session.run("python", "-m", "benchmarks.training", f"--engine-python={Path(session.bin, 'python')}", *session.posargs)


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Ruff, its formatter, mypy and the floors' import contract."""
    _install(session, "lint", "test")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session(default=False)
def benchmark(session: nox.Session) -> None:
    """One benchmark: `nox -s benchmark -- embedded_cluster`; without a name it lists them."""
    _install(session)
    known = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    if not session.posargs or session.posargs[0] not in known:
        session.error("name one of: " + ", ".join(known))
    session.run("python", f"benchmarks/{session.posargs[0]}.py", *session.posargs[1:])


@nox.session(default=False)
def bench_core(session: nox.Session) -> None:
    """The distributed core beside its peers, half an hour; `-- coordination 3` and the like run one benchmark, with its rounds."""
    _install(session, "bench-core", "etcd")
    if session.posargs:
        name, *arguments = session.posargs
        session.run("python", f"benchmarks/{name}.py", *arguments)
        return
    for name in ("protocol", "event_store", "coordination", "mapreduce"):
        session.run("python", f"benchmarks/{name}.py")


@nox.session(default=False)
def simulate_consensus(session: nox.Session) -> None:
    """The consensus group under faults on a simulated clock, as in `nox -s simulate_consensus -- --seeds 1000`."""
    _install(session)
    session.run("python", "-m", "workloads.consensus.simulation", *session.posargs)


@nox.session(default=False)
def validate(session: nox.Session) -> None:
    """Published results beside those of the models, as in `nox -s validate -- fgd airesim`; what has no data here is skipped."""
    _install(session)
    session.run("sandtable", "validate", *session.posargs)


@nox.session(default=False)
def constraints(session: nox.Session) -> None:
    """Regenerate constraints.txt: the versions of everything that pyproject.toml depends on."""
    session.install("uv")
    groups = [argument for group in GROUPS for argument in ("--group", group)]
    session.run(
        "uv", "pip", "compile", "pyproject.toml", *groups, "--universal", "--python-version", "3.11", "--no-header", "--no-annotate",
        "--no-emit-index-url", "--upgrade", "--output-file", "constraints.txt", *session.posargs,
    )  # fmt: skip


def _with_environment(session: nox.Session, group: str) -> None:
    """Let the session import what the toolchain's environment of ``group`` has, made where it is missing: a rehearsal runs it there too.

    The versions agree, since both keep to constraints.txt; 5 GB are not stored twice.
    """
    session.log(f"the environment of {group} is made where it is missing, which takes minutes")
    program = "import sys; from toolchain.environments import environment_for; print(environment_for(sys.argv[1]))"
    if (found := session.run_install("python", "-c", program, group, silent=True)) is None:
        return  # with `--no-install` the link of the last time is there
    python = Path(found.strip())
    (theirs,) = python.parents[1].glob("lib/python*/site-packages")
    (ours,) = Path(session.virtualenv.location).glob("lib/python*/site-packages")
    (ours / f"environment-{group}.pth").write_text(f"{theirs}\n", encoding="utf-8")


def _peer(session: nox.Session, name: str, requirement: str) -> Path:
    """Return the Python of a world of its own with a peer in it: its pins clash with ours."""
    python = Path(session.create_tmp()).absolute().parent / name / "bin" / "python"
    if not (installed := python.with_name(f"installed-{requirement}")).exists():
        session.run("python", "-m", "venv", str(python.parents[1]))
        session.run(str(python), "-m", "pip", "install", "--quiet", requirement, external=True)
        installed.touch()
    return python


def _debian(session: nox.Session, package: str, *programs: str, required: bool = True) -> None:
    """Install a Debian package where none of its programs is there and we may.

    On a person's machine the tests say what they skip without it; a CI must not be green because they were skipped, if it is ``required``.
    """
    if any(map(shutil.which, programs)):
        return
    root: tuple[str, ...] | None = () if os.geteuid() == 0 else ("sudo", "-n") if IN_CI and shutil.which("sudo") else None
    if root is not None and shutil.which("apt-get"):
        for arguments in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", package)):
            session.run(*root, "apt-get", *arguments, external=True, success_codes=range(256), silent=True)
    if required and IN_CI and not any(map(shutil.which, programs)):
        session.error(f"{programs[0]} is missing, and the Debian package {package} could not be installed")
