"""What is read as kubectl reads it is held against kubectl: scalars and keys of YAML, and kubeconfigs merged from several files.

``pytest -rP`` shows how many agree.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.formats.yaml_scalars import scalar
from stacks.clusters.kubeconfig import files
from stacks.graph.sources import from_manifests
from tests.unit.foundation.formats.test_yaml_scalars import READ
from toolchain import ToolMissingError, resolve

pytestmark = pytest.mark.e2e

OBJECT = "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\nspec:\n"
GENERATED = 1000

Kubectl = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def kubectl() -> Kubectl:
    """Return a caller of kubectl, which asks no cluster; its answer is the object that it prints."""
    try:
        program = resolve("kubectl").path
    except ToolMissingError as error:
        pytest.skip(str(error))

    def call(*arguments: Any, **variables: str) -> dict[str, Any]:
        ended = subprocess.run([program, *map(str, arguments), "-o", "json"], capture_output=True, check=True, env=os.environ | variables)
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    return call


def read_by(kubectl: Kubectl, path: Path) -> Any:
    return kubectl("annotate", "--local", "-f", path, "x=y")["spec"]


def generated(count: int) -> list[str]:
    """Texts that look like numbers, words, times and dates, seeded."""
    chance = random.Random(11)
    letters = [
        "0",
        "1",
        "7",
        "8",
        "9",
        "00",
        "12",
        "_",
        ".",
        "+",
        "-",
        "e",
        "E",
        "x",
        "0x",
        "0o",
        "0b",
        "a",
        "f",
        "T",
        ":",
        "y",
        "n",
        "on",
        "=",
        "~",
    ]
    texts = {"".join(chance.choices(letters, k=chance.randint(1, 6))) for _ in range(count * 2)}
    # What begins a collection, a key or a document is no scalar.
    return [text for text in sorted(texts) if not re.search(r"^-$|^\.\.\.|^---|:$|^[-:]( |$)|^~.", text)][:count]


def test_scalars(kubectl: Kubectl, tmp_path: Path) -> None:
    texts = [text for text, value in READ if not (isinstance(value, float) and math.isinf(value)) and text not in {"-", "<<"}]
    texts = list(dict.fromkeys([*texts, *generated(GENERATED)]))
    path = tmp_path / "scalars.yaml"
    path.write_text(OBJECT + "".join(f"  k{index}: {text}\n" for index, text in enumerate(texts)))
    found = read_by(kubectl, path)
    ours = {text: scalar(text) for text in texts}
    theirs = {text: found.get(f"k{index}") for index, text in enumerate(texts)}
    differ = {text: (ours[text], theirs[text]) for text in texts if not same(ours[text], theirs[text])}
    print(f"scalars: {len(texts) - len(differ)} of {len(texts)} as kubectl reads them")  # noqa: T201
    assert differ == {}
    (resource,) = from_manifests([path])
    assert all(same(resource.spec.get(f"k{index}"), theirs[text]) for index, text in enumerate(texts))


def same(ours: Any, theirs: Any) -> bool:
    """Numbers of JSON have no kinds, and kubectl prints large ones rounded."""
    if isinstance(ours, bool) or isinstance(theirs, bool) or not isinstance(ours, int | float):
        return ours is theirs or (type(ours) is type(theirs) and ours == theirs)
    return isinstance(theirs, int | float) and math.isclose(ours, theirs, rel_tol=1e-12)


def test_keys(kubectl: Kubectl, tmp_path: Path) -> None:
    keys = ["true", "y", "Off", "1", "-1", "0x11", "010", "1e2", "2.5", "2024-01-01", "22:30", "=", "1_0", "'2'", '""', "x"]
    path = tmp_path / "keys.yaml"
    agree = 0
    for key in keys:
        path.write_text(f"{OBJECT}  {key}: v\n")
        (resource,) = from_manifests([path])
        assert dict(resource.spec) == read_by(kubectl, path), key
        agree += 1
    print(f"keys: {agree} of {len(keys)}")  # noqa: T201


@pytest.mark.parametrize("seed", range(5))
def test_kubeconfigs_of_several_files(kubectl: Kubectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    agree = 0
    for number in range(20):
        paths = written(tmp_path / str(number), chance)
        variable = os.pathsep.join(map(str, paths))
        monkeypatch.setenv("KUBECONFIG", variable)
        ours = files.read(files.named(None, Path()))
        theirs = kubectl("config", "view", "--merge", "--raw", KUBECONFIG=variable)
        assert ours.current_context == theirs["current-context"]
        for key, found in (("context", ours.contexts), ("cluster", ours.clusters), ("user", ours.users)):
            assert {name: dict(entry.value) for name, entry in found.items()} == {one["name"]: one[key] for one in theirs[f"{key}s"] or ()}
        agree += 1
    print(f"kubeconfigs: {agree} of 20 merged as kubectl merges them")  # noqa: T201


def written(folder: Path, chance: random.Random) -> list[Path]:
    """Write one to four files that share names; some of the later are not there, some stand twice."""
    paths = []
    for number in range(chance.randint(1, 4)):
        path = folder / f"d{number}" / "config"
        paths.append(path)
        if number and chance.random() < 0.15:
            continue
        path.parent.mkdir(parents=True)
        document: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
        if chance.random() < 0.6:
            document["current-context"] = chance.choice("abc")
        for key, fields in FIELDS.items():
            names = chance.sample("abc", chance.randint(0, 3))
            document[f"{key}s"] = [{"name": name, key: fields(chance)} for name in names]
        path.write_text(yaml.safe_dump(document))
    return paths + paths[: chance.randint(0, 1)]


FIELDS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "cluster": lambda c: {"server": f"https://{c.randint(1, 99)}.invalid"} | ({"tls-server-name": "t"} if c.random() < 0.5 else {}),
    "context": lambda c: {"cluster": c.choice("abc"), "user": c.choice("abc")} | ({"namespace": "ns"} if c.random() < 0.5 else {}),
    "user": lambda c: {"token": f"t{c.randint(1, 99)}"} | ({"as": "b"} if c.random() < 0.3 else {}),
}
