from pathlib import Path

from toolchain.catalogue import ToolEntry
from toolchain.keys import build_key


def test_a_replaced_module_below_the_folder_belongs_to_the_key(tmp_path: Path) -> None:
    (tmp_path / "m" / "stub" / "api").mkdir(parents=True)
    for name in ("go.mod", "go.sum", "stub/go.mod", "stub/api/api.go"):
        (tmp_path / "m" / name).write_text("before", encoding="utf-8")
    entry = ToolEntry.model_validate(
        {
            "name": "x",
            "purpose": "p",
            "jobs": [],
            "version": "1.0",
            "licence": "MIT",
            "sources": ["build"],
            "size_mb": 0,
            "build": {"folder": "m", "package": ".", "seconds": 1, "packages": 1},
        }
    )
    keys = {build_key(entry, "go1.26", tmp_path)}
    for name in ("stub/go.mod", "stub/api/api.go"):
        (tmp_path / "m" / name).write_text("after", encoding="utf-8")
        keys.add(build_key(entry, "go1.26", tmp_path))
    assert len(keys) == 3
