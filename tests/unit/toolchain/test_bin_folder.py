import os
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.finding.bin_folder import environment
from toolchain.installing.installer import ensure

if TYPE_CHECKING:
    from .conftest import Machine


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
