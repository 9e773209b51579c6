import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import toolchain
from toolchain import catalogue
from toolchain.errors import CatalogueError, UnknownToolError

ROOT = Path(__file__).resolve().parents[3]
GOOD = """
[tools.x]
purpose = "p"
jobs = []
version = "1.0"
licence = "MIT"
sources = ["path"]
size_mb = 0
fix = "install x"
"""


def test_jobs_need_what_the_issue_says() -> None:
    assert toolchain.tools_for("graph") == ()
    assert toolchain.tools_for("cluster") == ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
    assert set(toolchain.tools_for("deploy")) >= {*toolchain.tools_for("cluster"), "pulumi", "pulumi-resource-kubernetes"}
    assert toolchain.tools_for("rehearse") == toolchain.tools_for("deploy")
    assert set(toolchain.tools_for("platform")) >= {"spire-server", "spiffe-helper", "otelcol", "crossplane"}
    assert not set(toolchain.tools_for("platform")) & set(toolchain.tools_for("node"))  # a node starts without them
    assert toolchain.tools_for("containers") == ("mmdebstrap", "docker")
    assert toolchain.tools_for("browser") == ("chromium",)
    assert toolchain.tools_for("all") == tuple(catalogue.bundled())


def test_every_built_version_is_the_one_that_its_module_pins() -> None:
    for entry in catalogue.bundled().values():
        if entry.build is None or entry.build.package == ".":
            continue
        pins = dict(
            re.findall(
                r"^\s*(?:require )?(\S+) v(\S+)", (catalogue.bundled().modules / entry.build.folder / "go.mod").read_text(), re.MULTILINE
            )
        )
        module = max((module for module in pins if f"{entry.build.package}/".startswith(f"{module}/")), key=len)
        major, minor, *patch = entry.version.split(".")
        as_library = ".".join(("0", f"{major}{minor.zfill(2)}", *patch))  # Prometheus 3.14.0 is the module's v0.314.0
        assert pins[module] in (entry.version, as_library), entry.name


def test_pulumi_and_its_provider_are_the_versions_of_the_python_packages() -> None:
    pins = [text for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"] if text.startswith("pulumi")]
    tools = catalogue.bundled()
    assert f"pulumi=={tools['pulumi'].version}" in pins
    assert f"pulumi-kubernetes=={tools['pulumi-resource-kubernetes'].version}" in pins
    main = (tools.modules / "pulumi-kubernetes" / "main.go").read_text()
    assert f'const version = "{tools["pulumi-resource-kubernetes"].version}"' in main


def test_tools_linked_together_are_named_as_their_packages() -> None:
    folders = [entry.build.folder for entry in catalogue.bundled().values() if entry.build]
    for entry in catalogue.bundled().values():
        if entry.build and folders.count(entry.build.folder) > 1:
            assert entry.build.package.rsplit("/", 1)[1] == entry.name


def test_every_wheel_has_a_checksum_for_the_usual_platforms() -> None:
    for entry in catalogue.bundled().values():
        if entry.wheel:
            assert set(entry.wheel.sha256) == {"linux-x86_64", "linux-aarch64", "darwin-arm64", "darwin-x86_64"}
            assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in entry.wheel.sha256.values())


@pytest.mark.parametrize(("asked", "nearest"), [("kube-apiservr", "kube-apiserver"), ("Pulumi", "pulumi"), ("chrome", "chromium")])
def test_an_unknown_tool_is_answered_with_the_nearest_name(asked: str, nearest: str) -> None:
    with pytest.raises(UnknownToolError, match=f"no tool '{asked}'; did you mean '{nearest}'"):
        catalogue.bundled()[asked]


def test_an_unknown_job_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownToolError, match="no job 'clusters'; did you mean 'cluster'"):
        toolchain.tools_for("clusters")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("licence", "license"), r"tools\.x\.license: there is no key 'license'; did you mean 'licence'"),
        (lambda text: text.replace('"1.0"', '"new"'), r"tools\.x\.version: 'new' is not a version"),
        (lambda text: text.replace('["path"]', '["ftp"]'), r"tools\.x\.sources\.0: Input should be 'path', .* \(found 'ftp'\)"),
        (lambda text: text.replace('["path"]', '["path", "wheel"]'), r"tools\.x: `wheel` and its place in `sources` go together"),
        (
            lambda text: text.replace('["path"]', '["plugins", "path"]') + 'plugin = "x"\n',
            "are tried in the order path, plugins, wheel, build, script",
        ),
        (lambda text: text.replace('fix = "install x"', ""), "needs `fix`"),
        (lambda text: text + 'accepts = ">=1"\n', "`accepts` needs `version_command`"),
        (lambda text: text + 'accepts = "about 1"\n', r"tools\.x\.accepts: 'about 1' is not a comparison"),
        (
            lambda text: text + 'accepts = ">=2"\nversion_command = ["v"]\nversion_pattern = "(x)"\n',
            r"version 1\.0 does not match the tool's `accepts` >=2",
        ),
        (lambda text: text + 'version_command = ["v"]\nversion_pattern = "x"\n', "must have exactly one group"),
        (lambda text: text + 'version_command = ["v"]\nversion_pattern = "("\n', "is not a regular expression"),
        (lambda text: text + "[tool.y]\n", "there is no table 'tool'; did you mean 'tools'"),
        (lambda text: text + "]\n", "catalogue.toml: "),
        (
            lambda text: (
                text.replace('["path"]', '["build"]') + '[tools.x.build]\nfolder = "none"\npackage = "."\nseconds = 1\npackages = 1\n'
            ),
            r"tools\.x\.build\.folder: there is no .*none/go\.mod",
        ),
    ],
)
def test_a_wrong_entry_is_named_with_its_value_and_what_is_allowed(tmp_path: Path, change: Callable[[str], str], told: str) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(GOOD)
    assert list(catalogue.read(path)) == ["x"]
    path.write_text(change(GOOD))
    with pytest.raises(CatalogueError, match=told):
        catalogue.read(path)


def test_a_tool_is_shipped_beside_one_that_there_is(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(GOOD.replace('sources = ["path"]', 'sources = ["path"]\nbeside = "y"'))
    with pytest.raises(CatalogueError, match=r"tools\.x\.beside: there is no tool 'y'"):
        catalogue.read(path)
