"""A worker: asks the coordinator for tasks until there are none, and runs them."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Final

from foundation.processes.free_port import LOOPBACK
from workloads.mapreduce.coordinator import Task
from workloads.mapreduce.errors import MapReduceError
from workloads.mapreduce.plan_file import read_plan
from workloads.mapreduce.work import run_task

_PAUSE_S: Final = 0.05


def work(port: int, secret: str, folder: Path) -> None:
    """Work for the coordinator on ``port`` of this machine until the job has ended, or the coordinator is gone.

    Raises:
        MapReduceError: the folder has no job.
    """
    plan = read_plan(folder)
    with socket.create_connection((LOOPBACK, port)) as connection, connection.makefile("rw", encoding="utf-8") as stream:

        def say(message: object) -> None:
            stream.write(json.dumps(message) + "\n")
            stream.flush()

        stream.write(secret + "\n")
        while True:
            say({"ask": 1})
            answer = json.loads(stream.readline() or '{"end": 1}')
            if "end" in answer:
                return
            if "wait" in answer:
                time.sleep(_PAUSE_S)
                continue
            task = Task(*answer["task"])
            try:
                run_task(plan, task, folder)
            except (MapReduceError, OSError) as error:
                say({"failed": answer["task"], "error": str(error)})
            else:
                say({"done": answer["task"]})
