from typing import TYPE_CHECKING

from toolchain.cache import digest_of
from toolchain.finding.health import ToolStatus, status
from toolchain.installing.installer import ensure

if TYPE_CHECKING:
    from .conftest import Machine


def lines(machine: "Machine", **environ: str) -> dict[str, ToolStatus]:
    return {line.name: line for line in status(machine.resolver(**environ))}


def test_every_tool_has_a_line_in_the_order_of_the_catalogue(machine: "Machine") -> None:
    assert list(lines(machine)) == list(machine.catalogue)


def test_a_hole_names_what_was_found_and_the_one_command(machine: "Machine") -> None:
    machine.put("alpha", "0.9.0")
    table = lines(machine)
    assert table["alpha"].problem == f"{machine.root}/bin/alpha is 0.9.0, wanted >=1.2,<2"
    assert (table["alpha"].found, table["alpha"].origin, table["alpha"].fix) == ("0.9.0", None, "sandtable doctor --install")
    assert (table["delta"].problem, table["delta"].fix) == ("not found", "apt-get install delta")


def test_looking_changes_nothing(machine: "Machine") -> None:
    machine.put_go()
    status(machine.resolver())
    assert not (machine.root / "cache").exists()
    assert machine.calls() == []


def test_what_fits_has_no_problem(machine: "Machine") -> None:
    machine.put_go()
    path = ensure(["alpha"], resolver=machine.resolver())["alpha"].path
    line = lines(machine)["alpha"]
    assert (line.problem, line.fix, line.origin, line.path, line.found) == (None, None, "build", path, "1.2.3")
    assert line.size_bytes == path.stat().st_size
    assert (line.wanted, line.needed_for, line.licence) == ("1.2.3 (>=1.2,<2)", ("cluster",), "MIT")


def test_a_changed_file_in_the_cache_is_seen_by_its_checksum(machine: "Machine") -> None:
    machine.put_go()
    path = ensure(["alpha"], resolver=machine.resolver())["alpha"].path
    path.write_text(path.read_text().replace("1.2.3", "6.6.6"))
    line = lines(machine)["alpha"]
    assert line.problem == "its checksum is not the one recorded when it was installed"
    assert line.fix == "sandtable doctor --install"


def test_a_wrong_configured_path_is_a_problem_and_not_an_exception(machine: "Machine") -> None:
    old = machine.put("alpha", "0.9.0", "old")
    table = lines(machine, SANDTABLE_ALPHA=str(old), SANDTABLE_GO="/no/where")
    assert (table["go"].problem, table["go"].fix) == (
        "SANDTABLE_GO names /no/where, which does not exist",
        "correct or unset SANDTABLE_GO",
    )
    assert table["alpha"].problem == "is 0.9.0, wanted >=1.2,<2; used anyway because SANDTABLE_ALPHA names it"
    assert table["alpha"].fix == "unset SANDTABLE_ALPHA"


def test_a_home_that_is_not_known_is_a_problem_and_not_an_exception(machine: "Machine") -> None:
    line = lines(machine, SANDTABLE_ALPHA="~nosuch/x")["alpha"]
    assert (line.problem or "").startswith("SANDTABLE_ALPHA names ~nosuch/x, which begins with")
    assert line.fix == "correct or unset SANDTABLE_ALPHA"


def test_the_checksum_is_that_of_the_file_as_it_is_now(machine: "Machine") -> None:
    machine.put_go()
    built = ensure(["alpha"], resolver=machine.resolver())["alpha"].path
    found = machine.put("gamma", "3.0.0")
    table = lines(machine)
    assert table["alpha"].sha256 == digest_of(built)
    assert table["gamma"].sha256 == digest_of(found)
    assert table["delta"].sha256 is None
    assert table["epsilon"].sha256 is None, "a script that nobody needed yet"
    assert {line.sha256 for line in status(machine.resolver(), verify=False)} == {None}
