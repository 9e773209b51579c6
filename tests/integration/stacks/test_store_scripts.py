"""The shell scripts of the stores, run by a shell, with their tools played by other scripts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.components.data import postgresql

SCRIPTS = Path(postgresql.__file__).parent / "scripts"


def test_half_a_copy_of_the_primary_is_thrown_away(tmp_path: Path) -> None:
    """A pod that was killed while it copied starts again, and its starting point is whole."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, script in {"pg_isready": "exit 0", "pg_basebackup": 'mkdir "$6" && echo 17 > "$6/PG_VERSION"'}.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    data = tmp_path / "pgdata"
    (tmp_path / "pgdata.partial" / "base").mkdir(parents=True)
    env = {"PATH": f"{tools}:/usr/bin:/bin", "PGDATA": str(data), "PRIMARY": "features-0", "POD_NAME": "features-1"}
    subprocess.run(["/bin/sh", SCRIPTS / "postgresql-follow.sh"], env=env, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "pgdata"]
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_valid_shell(script: Path) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    assert subprocess.run([shell, "-n", str(script)], check=False).returncode == 0
