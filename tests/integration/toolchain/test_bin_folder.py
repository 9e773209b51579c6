import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolchain.errors import CacheError
from toolchain.finding.bin_folder import environment
from toolchain.installing.installer import ensure

if TYPE_CHECKING:
    from .conftest import Machine

ACCESS = os.access


def test_the_tools_come_first_on_path_under_their_own_names(machine: "Machine") -> None:
    stable = machine.put("delta-stable", "7")
    stable.write_text("#!/bin/sh\necho delta 7\n")
    machine.put_go()
    ensure(["alpha"], resolver=machine.resolver())
    variables = environment(["alpha", "delta"], machine.resolver())
    folder, rest = variables["PATH"].split(os.pathsep)
    assert rest == str(machine.root / "bin")
    assert sorted(path.name for path in Path(folder).iterdir()) == ["alpha", "delta"]
    assert os.path.realpath(f"{folder}/delta") == str(stable)
    assert variables["PULUMI_SKIP_UPDATE_CHECK"] == variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"


def test_equal_tools_share_a_folder_and_a_lost_link_is_put_back(machine: "Machine") -> None:
    machine.put("alpha", "1.2.3")
    machine.put("beta", "2.0.0")
    first = Path(environment(["alpha", "beta"], machine.resolver())["PATH"].split(os.pathsep)[0])
    (first / "alpha").unlink()
    assert environment(["beta", "alpha"], machine.resolver())["PATH"].startswith(str(first))
    assert sorted(path.name for path in first.iterdir()) == ["alpha", "beta"]
    assert list(first.parent.iterdir()) == [first]


class TestCacheThatCannotBeWritten:
    @pytest.fixture(autouse=True)
    def read_only(self, machine: "Machine", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder of temporary files of its own, and a cache with alpha that is as on a read-only file system."""
        machine.put_go()
        ensure(["alpha"], resolver=machine.resolver())
        monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
        monkeypatch.setattr("toolchain.cache.os.access", lambda path, mode: mode != os.W_OK and ACCESS(path, mode))

    def test_links_and_scripts_go_into_a_private_temporary_folder(self, machine: "Machine") -> None:
        before = sorted((machine.root / "cache").rglob("*"))
        names = ["alpha", "epsilon"]
        assert ensure(names, resolver=machine.resolver())["alpha"].origin == "build"
        folder = Path(environment(names, machine.resolver())["PATH"].split(os.pathsep)[0])
        private = machine.root / f"sandtable-{os.getuid()}"
        assert folder.parent == private / "bin"
        assert sorted(path.name for path in folder.iterdir()) == names
        assert (folder / "epsilon").resolve().is_relative_to(private / "scripts")
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert sorted((machine.root / "cache").rglob("*")) == before

    def test_those_links_on_path_are_ours_and_not_the_systems(self, machine: "Machine") -> None:
        path = environment(["alpha"], machine.resolver())["PATH"]
        assert machine.resolver(PATH=path).resolve("alpha").origin == "build"

    def test_a_folder_that_others_can_write_is_not_used(self, machine: "Machine") -> None:
        private = machine.root / f"sandtable-{os.getuid()}"
        private.mkdir()
        private.chmod(0o777)
        with pytest.raises(CacheError, match="is not private to this user"):
            environment(["alpha"], machine.resolver())
