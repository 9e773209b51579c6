import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolchain.cache import Receipt, digest_of
from toolchain.errors import CacheError, ToolMissingError, UnknownToolError
from toolchain.finding.resolver import Resolver

if TYPE_CHECKING:
    from .conftest import Machine


def install(resolver: Resolver, name: str, version: str) -> Path:
    """Put a complete entry into the cache, as an installation would."""
    folder = resolver.cache.stage(name)
    binary = folder / name
    binary.write_text(f'#!/bin/sh\necho "{name} {version}"\n')
    binary.chmod(0o755)
    receipt = Receipt(name, version, "build", name, digest_of(binary), binary.stat().st_size, "go1.26.8", 1.0)
    return resolver.cache.install(folder, receipt, resolver.key(resolver.catalogue[name]).replace("*", "go1.26")).binary


def test_the_order_is_configured_then_path_then_plugins_then_cache(machine: "Machine") -> None:
    machine.put_go()
    found = []
    resolver = machine.resolver()
    install(resolver, "beta", "2.0.0")
    found.append(resolver.resolve("beta").origin)
    machine.put("beta", "2.0.0", "home/.pulumi/plugins/resource-beta-v2.0.0")
    found.append(resolver.resolve("beta").origin)
    machine.put("beta", "2.0.0")
    found.append(resolver.resolve("beta").origin)
    own = machine.put("beta", "2.0.0", "elsewhere")
    found.append(machine.resolver(SANDTABLE_BETA=str(own)).resolve("beta").origin)
    assert found == ["build", "plugins", "path", "configured"]


def test_a_copy_on_path_that_does_not_fit_is_passed_over_for_one_that_does(machine: "Machine") -> None:
    machine.put("alpha", "1.1.9")
    good = machine.put("alpha", "1.4.0", "second")
    search = machine.resolver(PATH=f"{machine.root}/bin:{machine.root}/second").search("alpha")
    assert search.tool is not None
    assert (search.tool.path, search.tool.version, search.tool.licence) == (good, "1.4.0", "MIT")
    assert [copy.reason for copy in search.rejected] == ["is 1.1.9, wanted >=1.2,<2"]


def test_what_is_missing_is_told_with_the_copies_passed_over_and_the_fix(machine: "Machine") -> None:
    machine.put("alpha", "2.0.0")
    with pytest.raises(ToolMissingError, match=r"alpha: not found \(.*/bin/alpha is 2\.0\.0, wanted >=1\.2,<2\)") as caught:
        machine.resolver().resolve("alpha")
    assert caught.value.fix == "sandtable doctor --install"
    with pytest.raises(ToolMissingError) as caught:
        machine.resolver().resolve("delta")
    assert caught.value.fix == "apt-get install delta"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/bin/sh\necho surprise\n", r"printed no version \(surprise\)"),
        ("#!/no/such/interpreter\n", "cannot be started"),
    ],
)
def test_a_copy_that_does_not_say_its_version_does_not_fit(machine: "Machine", text: str, reason: str) -> None:
    machine.put("alpha", "1.2.3").write_text(text)
    with pytest.raises(ToolMissingError, match=reason):
        machine.resolver().resolve("alpha")


def test_a_copy_that_does_not_answer_does_not_fit(machine: "Machine") -> None:
    machine.put("alpha", "1.2.3").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    resolver = machine.resolver()
    resolver.version_timeout_s = 0.1
    with pytest.raises(ToolMissingError, match=r"did not answer `--version` within 0\.1 s"):
        resolver.resolve("alpha")


def test_a_configured_path_is_taken_even_if_its_version_does_not_fit(machine: "Machine") -> None:
    old = machine.put("alpha", "0.9.0", "old")
    tool = machine.resolver(SANDTABLE_ALPHA=str(old)).resolve("alpha")
    assert (tool.origin, tool.version, tool.path) == ("configured", "0.9.0", old)


def test_a_configured_path_that_cannot_run_is_an_error_and_never_passed_over(machine: "Machine") -> None:
    machine.put("alpha", "1.2.3")
    with pytest.raises(ToolMissingError, match="SANDTABLE_ALPHA names /no/where, which does not exist") as caught:
        machine.resolver(SANDTABLE_ALPHA="/no/where").resolve("alpha")
    assert caught.value.fix == "correct or unset SANDTABLE_ALPHA"


def test_a_plugin_of_another_version_is_not_taken(machine: "Machine") -> None:
    machine.put("beta", "2.0.1", "home/.pulumi/plugins/resource-beta-v2.0.1")
    assert machine.resolver().search("beta").tool is None


def test_an_alias_counts_as_the_tool(machine: "Machine") -> None:
    machine.put("delta-stable", "7").write_text("#!/bin/sh\necho delta 7\n")
    assert machine.resolver().resolve("delta").path.name == "delta-stable"


def test_a_cached_binary_is_found_on_a_machine_without_go(machine: "Machine") -> None:
    resolver = machine.resolver()
    assert resolver.go is None
    binary = install(resolver, "alpha", "1.2.3")
    assert resolver.resolve("alpha").path == binary


def test_another_line_of_go_is_another_key_but_a_patch_is_not(machine: "Machine") -> None:
    machine.put_go()
    install(machine.resolver(GO_VERSION="1.26.1"), "alpha", "1.2.3")
    assert machine.resolver(GO_VERSION="1.26.9").search("alpha").tool is not None
    assert machine.resolver(GO_VERSION="1.27.0").search("alpha").tool is None


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go"])
def test_a_changed_input_is_another_key(machine: "Machine", file: str) -> None:
    machine.put_go()
    install(machine.resolver(), "alpha", "1.2.3")
    assert machine.resolver().search("alpha").tool is not None
    (machine.root / "go" / "alpha" / file).write_text("changed\n")
    assert machine.resolver().search("alpha").tool is None


def test_a_truncated_binary_counts_as_absent(machine: "Machine") -> None:
    resolver = machine.resolver()
    install(resolver, "alpha", "1.2.3").write_text("#!")
    assert resolver.search("alpha").tool is None


def test_our_own_folders_on_path_are_not_mistaken_for_the_system(machine: "Machine") -> None:
    resolver = machine.resolver()
    binary = install(resolver, "alpha", "1.2.3")
    assert machine.resolver(PATH=str(binary.parent)).resolve("alpha").origin == "build"


def test_a_script_of_ours_is_written_when_resolved_and_not_when_searched(machine: "Machine", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/a folder/python")
    resolver = machine.resolver()
    search = resolver.search("epsilon")
    assert search.tool is not None
    assert not search.tool.path.exists()
    assert resolver.resolve("epsilon").path.read_text().splitlines()[-1].startswith("exec '/a folder/python' -c ")


def test_a_script_that_cannot_be_written_is_a_cache_error(machine: "Machine") -> None:
    (machine.root / "cache").write_text("a file")
    with pytest.raises(CacheError, match=r"a file is in the place of a folder; .* set SANDTABLE_CACHE"):
        machine.resolver().resolve("epsilon")


def test_an_unknown_name_is_answered_with_the_nearest(machine: "Machine") -> None:
    with pytest.raises(UnknownToolError, match="did you mean 'alpha'"):
        machine.resolver().resolve("alhpa")


def test_a_folder_of_path_that_cannot_be_searched_holds_nothing(machine: "Machine") -> None:
    good = machine.put("alpha", "1.2.3")
    too_long = machine.root / ("x" * 300)  # refused by the system for root too, as a closed folder is for others
    assert machine.resolver(PATH=f"{too_long}:{machine.root}/bin").resolve("alpha").path == good
    with pytest.raises(ToolMissingError, match=r"SANDTABLE_ALPHA names .*, which cannot be inspected: File name too long"):
        machine.resolver(SANDTABLE_ALPHA=str(too_long / "alpha")).resolve("alpha")


def test_without_a_home_folder_there_are_no_plugins(machine: "Machine", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", without_home)
    assert machine.resolver(HOME="").search("beta").tool is None


def without_home() -> Path:
    """What Python does for a user unknown to the system."""
    raise RuntimeError("Could not determine home directory.")


class TestShippedBesideAnother:
    def test_with_the_tool_that_fits_it_is_taken_and_has_its_version(self, machine: "Machine") -> None:
        machine.put("alpha", "1.4.0")
        host = machine.put("alpha-host", "")
        tool = machine.resolver().resolve("alpha-host")
        assert (tool.path, tool.origin, tool.version) == (host, "path", "1.4.0")

    def test_with_a_tool_that_does_not_fit_ours_is_taken(self, machine: "Machine") -> None:
        machine.put("alpha", "0.9.0")
        machine.put("alpha-host", "")
        assert machine.resolver().resolve("alpha-host").origin == "script"

    def test_beside_another_copy_than_the_one_that_is_used_it_is_not_taken(self, machine: "Machine") -> None:
        machine.put("alpha", "0.9.0")
        machine.put("alpha-host", "")
        machine.put("alpha", "1.4.0", "second")
        path = f"{machine.root}/bin:{machine.root}/second"
        assert machine.resolver(PATH=path).resolve("alpha-host").origin == "script"
        host = machine.put("alpha-host", "", "second")
        assert machine.resolver(PATH=path).resolve("alpha-host").path == host

    def test_beside_a_configured_copy_or_behind_a_link_to_it_it_is_taken(self, machine: "Machine") -> None:
        copy = machine.put("alpha", "1.4.0", "opt")
        host = machine.put("alpha-host", "", "opt")
        assert machine.resolver(SANDTABLE_ALPHA=str(copy)).resolve("alpha-host").path == host
        (machine.root / "bin" / "alpha").symlink_to(copy)
        assert machine.resolver().resolve("alpha-host").path == host

    def test_with_a_tool_that_we_built_or_that_cannot_run_ours_is_taken(self, machine: "Machine") -> None:
        install(machine.resolver(), "alpha", "1.2.3")
        machine.put("alpha-host", "")
        assert machine.resolver().resolve("alpha-host").origin == "script"
        assert machine.resolver(SANDTABLE_ALPHA="/no/where").resolve("alpha-host").origin == "script"


def test_copies_of_one_tool_share_the_time_in_which_they_may_answer(machine: "Machine") -> None:
    for folder in ("bin", "second"):
        machine.put("alpha", "1.2.3", folder).write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    resolver = machine.resolver(PATH=f"{machine.root}/bin:{machine.root}/second")
    resolver.version_timeout_s = 0.1
    assert [copy.reason for copy in resolver.search("alpha").rejected] == ["did not answer `--version` within 0.05 s"] * 2


def test_a_wrapper_that_does_not_answer_is_ended_with_its_child(machine: "Machine") -> None:
    held = machine.root / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    machine.put("alpha", "1.2.3").write_text(f"#!/bin/sh\n(echo started; exec /bin/sleep 60) > {held} &\nwait\n")
    resolver = machine.resolver()
    told, timeout_s = b"", 0.1
    while not told:  # on a busy machine the child may not have begun within the first
        resolver.version_timeout_s = timeout_s = 2 * timeout_s
        assert resolver.search("alpha").tool is None
        select.select([reader], [], [], 5)
        told = os.read(reader, 100)
    assert told == b"started\n"
    assert select.select([reader], [], [], 5)[0], "the child holds the other end until it ends"
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_a_configured_path_in_the_home_of_nobody_is_told(machine: "Machine") -> None:
    with pytest.raises(ToolMissingError, match=r"SANDTABLE_ALPHA names ~nosuch/x, which begins with the home of a user unknown") as caught:
        machine.resolver(SANDTABLE_ALPHA="~nosuch/x").resolve("alpha")
    assert caught.value.fix == "correct or unset SANDTABLE_ALPHA"
