"""Makes one layer, in a process of its own: ``python -m toolchain.images.making STAGING``, with the order in ``STAGING/order.json``.

Rule 1: everything that is written lies in the staging folder, so whoever ends this process removes all of it.
Rule 2: nothing of the layer is run, but its Python, which compiles its modules: in a read-only root it could never keep them.
Rule 3: a line `[step/steps]` on standard output tells the progress.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

import pip

from toolchain.images.layer import Contents, unpack
from toolchain.images.recipe import PYTHON, SUITE
from toolchain.images.work import FACTS, ORDER, RESULT

SITE: Final = f"/usr/local/lib/python{PYTHON}/dist-packages"

#: What a container never reads: manuals (licences are kept), translations, what only a package manager needs.
_USELESS: Final = re.compile(
    r"usr/bin/(debconf|dpkg|update-alternatives|c_rehash|py3|pdb|pydoc|pygettext)[^/]*"
    r"|usr/share/(doc(?!/[^/]+/copyright)|debconf|dpkg|man|info|locale|lintian|bash-completion|zsh|fish|menu|pixmaps|applications|bug|doc-base"
    r"|gcc|gdb|postgresql/\d+/man)/.+"
    r"|usr/lib/(udev|systemd|tmpfiles\.d|sysusers\.d)/.+"
    r"|etc/(systemd|init\.d|cron\.d|cron\.daily|logrotate\.d|default|apt|dpkg)/.+"
    r"|var/(cache|log|lib/apt|lib/dpkg)/.+"
    r"|(dev|proc|sys|boot|media|mnt|srv)/.+"
)
#: Folders in which everybody may write.
_SHARED: Final = ("/tmp", "/var/tmp")  # noqa: S108  # of the image
_MESSAGES: Final = re.compile(r".*/(LC_MESSAGES|locale)/.*\.mo")
_AUTHORITIES: Final = re.compile(r"usr/share/ca-certificates/mozilla/.*\.crt")
_PACKAGE: Final = re.compile(r"([^/_\s]+)_([^_\s]+)_\w+\.deb")
_NEEDED_TO_COMPILE: Final = re.compile(
    rf"usr/bin/python{PYTHON}|usr/lib/python{PYTHON}/.*|usr/lib/[^/]*-linux-gnu/[^/]+\.so[.\d]*|usr/lib64/.*"
)


def main(staging: Path) -> None:
    """Make the layer that the order describes."""
    order = json.loads((staging / ORDER).read_text(encoding="utf-8"))
    contents, facts = _KINDS[order["kind"]](order, staging)
    layer = contents.write(staging / RESULT)
    (staging / FACTS).write_text(json.dumps(asdict(layer) | {"packages": facts}), encoding="utf-8")


def _debian(order: Mapping[str, Any], staging: Path) -> tuple[Contents, dict[str, str]]:
    _tell("[1/3] fetching Debian packages\n")
    archive = staging / "root.tar"
    # The names of the packages' files have their versions; nothing else does where no maintainer script is run.
    names = staging / "packages"
    hook = f'ls "$1"/var/cache/apt/archives >{shlex.quote(str(names))}'
    command = [
        "mmdebstrap",
        "--variant=extract",
        f"--include={','.join(order['packages'])}",
        f"--extract-hook={hook}",
        SUITE,
        str(archive),
    ]
    environment = dict(os.environ) | {"SOURCE_DATE_EPOCH": "0", "TMPDIR": str(staging)}
    _run(command, environment)
    _tell("[2/3] compiling and packing\n")
    contents, authorities = Contents(), []
    # It stays open until the layer is written, which reads it.
    opened = tarfile.open(archive)  # noqa: SIM115
    for member in opened:
        path = member.name.removeprefix("./")
        if _AUTHORITIES.fullmatch(path):
            authorities.append(opened.extractfile(member).read())  # type: ignore[union-attr]
        if path not in ("", ".") and not _USELESS.match(path) and not _MESSAGES.match(path) and not member.isdev():
            contents.add_member(opened, member)
    if authorities:
        contents.add_file("etc/ssl/certs/ca-certificates.crt", b"".join(authorities))
    if f"usr/bin/python{PYTHON}" in contents:
        root = staging / "root"
        for member in opened:
            path = member.name.removeprefix("./")
            if _NEEDED_TO_COMPILE.fullmatch(path) and (member.isreg() or member.issym()):
                opened.extract(member, root, filter="tar")
        _compile(root, root, [f"usr/lib/python{PYTHON}"], contents)
    return contents, {name: version.replace("%3a", ":") for name, version in _PACKAGE.findall(names.read_text(encoding="utf-8"))}


def _wheels(order: Mapping[str, Any], staging: Path) -> tuple[Contents, dict[str, str]]:
    _tell("[1/3] fetching wheels\n")
    root, tree = _python(order, staging), staging / "tree"
    site = tree / SITE.lstrip("/")
    # This machine's pip, run by the image's Python: so it takes what fits that one.
    (staging / "pip").mkdir()
    (staging / "pip" / "pip").symlink_to(Path(str(pip.__file__)).parent)
    options = ["--only-binary", ":all:", "--no-compile", "--progress-bar", "off"]
    options += ["--constraint", order["constraints"]] if order["constraints"] else []
    command = ["-m", "pip", "install", *options, "--target", str(site), *order["requirements"]]
    _run([*_interpreter(root), *command], _surroundings(root) | {"PYTHONPATH": str(staging / "pip")})
    _tell("[2/3] compiling and packing\n")
    drop_scripts(site)
    contents = Contents()
    contents.add_tree(SITE, site)
    _compile(root, tree, [SITE.lstrip("/")], contents)
    return contents, {found.metadata["Name"]: found.version for found in distributions(path=[str(site)])}


def drop_scripts(site: Path) -> None:
    """Remove the packages' scripts, which begin with the path of this build's Python, and what the packages' records say of them."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    for record in site.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith(("bin/", "../../bin/"))), encoding="utf-8")


def _files(order: Mapping[str, Any], staging: Path) -> tuple[Contents, dict[str, str]]:
    _tell("[1/2] packing\n")
    contents = Contents()
    for path, owner in order["folders"].items():
        contents.add_folder(path, owner=owner, mode=0o1777 if path in _SHARED else 0o755)
    for path, source in order["files"].items():
        _add(contents, path, Path(source))
    for path, asked in order["modules"].items():
        environment = dict(os.environ) | asked["environment"]
        told = subprocess.run(asked["command"], env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
        _add(contents, path, Path(told, asked["folder"]))
    for path, text in order["texts"].items():
        contents.add_file(path, text.encode(), mode=0o755 if text.startswith("#!") else 0o644)
    for path, link in order["links"].items():
        contents.add_link(path, link)
    if order["python"]:
        tree = staging / "tree"
        modules = [path for path in contents.paths() if path.endswith(".py")]
        for path in modules:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(contents.content(path))
        if modules:
            _compile(_python(order, staging), tree, ["."], contents)
    return contents, {}


def _add(contents: Contents, path: str, source: Path) -> None:
    if source.is_dir():
        contents.add_tree(path, source)
    else:
        contents.add_file(path, source, mode=0o755 if os.access(source, os.X_OK) else 0o644)


def _python(order: Mapping[str, Any], staging: Path) -> Path:
    """Return a folder with the Python of the image's Debian layer."""
    unpack(Path(order["python"]), staging / "root", lambda path: bool(_NEEDED_TO_COMPILE.fullmatch(path)))
    return staging / "root"


def _interpreter(root: Path) -> list[str]:
    """Return the command that runs the Python in ``root`` with its own libraries, without becoming its root."""
    libraries = next((root / "usr" / "lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux*.so*"))
    return [str(loader), "--library-path", str(libraries), str(root / "usr" / "bin" / f"python{PYTHON}")]


def _surroundings(root: Path) -> dict[str, str]:
    return dict(os.environ) | {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def _compile(root: Path, tree: Path, folders: list[str], contents: Contents) -> None:
    """Add the compiled modules of ``folders`` below ``tree`` to ``contents``; the Python in ``root`` is the image's."""
    compiling = ["-m", "compileall", "-q", "-f", "-s", str(tree), "-p", "/", "--invalidation-mode", "unchecked-hash", *folders]
    # A package may carry modules for another Python; what does not compile is left as it is.
    subprocess.run([*_interpreter(root), *compiling], cwd=tree, env=_surroundings(root), check=False, stdout=subprocess.DEVNULL)
    for compiled in tree.rglob(f"__pycache__/*.cpython-{PYTHON.replace('.', '')}.pyc"):
        contents.add_file(compiled.relative_to(tree).as_posix(), compiled)


def _tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run a command, with its output in the log; end with its exit code if it fails."""
    if code := subprocess.run(command, env=environment, stderr=subprocess.STDOUT, check=False).returncode:
        sys.exit(code if code > 0 else 1)


_KINDS: Final[dict[str, Callable[[Mapping[str, Any], Path], tuple[Contents, dict[str, str]]]]] = {
    "debian": _debian,
    "wheels": _wheels,
    "files": _files,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
