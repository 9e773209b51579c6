"""Reads nodes and pods as Alibaba published them (cluster-trace-gpu-v2023)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from simulations.errors import SimulationError
from simulations.scheduling.gpu_sharing.cluster import Node, Pod, Shape

_Row = TypeVar("_Row")


def read_nodes(path: Path) -> list[Node]:
    """Read a node list: sn, cpu_milli, memory_mib, gpu, model.

    Raises:
        SimulationError: a row is incomplete or not a number; the message names the line.
    """
    return list(
        _read(path, lambda row: Node(row["sn"], int(row["cpu_milli"]), int(row["memory_mib"]), int(row["gpu"] or 0), row["model"] or ""))
    )


def read_pods(path: Path) -> list[Pod]:
    """Read a pod list: name, cpu_milli, memory_mib, num_gpu, gpu_milli, and gpu_spec where there is one.

    Raises:
        SimulationError: a row is incomplete or not a number; the message names the line.
    """
    return list(_read(path, _pod))


def _pod(row: dict[str, str]) -> Pod:
    models = tuple(filter(None, (row.get("gpu_spec") or "").split("|")))
    shape = Shape(int(row["cpu_milli"]), int(row["gpu_milli"] or 0), int(row["num_gpu"] or 0), models, int(row["memory_mib"]))
    return Pod(row["name"], shape)


def _read(path: Path, to: Callable[[dict[str, str]], _Row]) -> Iterator[_Row]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            try:
                yield to(row)
            except (KeyError, TypeError, ValueError) as error:
                raise SimulationError(f"{path}, line {rows.line_num}: cannot be read: {error}") from error
