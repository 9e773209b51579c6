"""``python -m workloads.mapreduce run JOB INPUT... --output FOLDER``: a job over files, with workers as processes of this machine.

Exit codes: 0 done, 2 bad arguments, job or input, 3 a task failed too often; an interrupted run goes on when it is started again.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from workloads.mapreduce.errors import MapReduceError, TaskFailedError
from workloads.mapreduce.jobs import JOBS
from workloads.mapreduce.splits import SPLIT_BYTES


def main() -> int:
    """Run a job, or work for one."""
    known = _parser().parse_args()
    try:
        if known.command == "worker":
            from workloads.mapreduce.run import SECRET_VARIABLE
            from workloads.mapreduce.worker import work

            work(known.port, os.environ.get(SECRET_VARIABLE, ""), known.folder)
        else:
            _run(known)
    except TaskFailedError as error:
        sys.stderr.write(f"mapreduce: {error}\n")
        return 3
    except (MapReduceError, OSError) as error:
        sys.stderr.write(f"mapreduce: {error}\n")
        return 2
    return 0


def _run(known: argparse.Namespace) -> None:
    from workloads.mapreduce.run import run_job

    shown = ""

    def show(phase: str, done: int, total: int) -> None:
        nonlocal shown
        line = f"{phase}: {done} of {total}"
        if sys.stderr.isatty() and done < total and line != shown:
            sys.stderr.write(f"\r{line} ")
            shown = line

    done = run_job(
        known.job,
        known.inputs,
        known.output,
        workers=known.workers,
        partitions=known.reducers,
        split_bytes=known.split_mib * 1024 * 1024,
        on_progress=show,
    )
    resumed = f", {done.resumed} tasks done before" if done.resumed else ""
    tasks = f"{done.maps} map and {len(done.outputs)} reduce tasks in {done.seconds:.1f} s"
    sys.stdout.write(f"{tasks}{resumed}, {done.reissued} issued again\n")
    for path in done.outputs:
        sys.stdout.write(f"{path}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workloads.mapreduce", description="MapReduce over files.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    jobs = "; ".join(f"{job.name}: {job.purpose}" for job in JOBS.values())
    run = commands.add_parser("run", help="run a job", description=f"Jobs: {jobs}.")
    run.add_argument("job", help=", ".join(JOBS))
    run.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="a file of lines")
    run.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="new, or that of an interrupted run")
    run.add_argument("--workers", type=_positive, default=2, help="processes (default: %(default)s)")
    run.add_argument("--reducers", type=_positive, default=2, help="reduce tasks, and output files (default: %(default)s)")
    run.add_argument("--split-mib", type=_positive, default=SPLIT_BYTES >> 20, help="input of a map task, MiB (default: %(default)s)")
    worker = commands.add_parser("worker", help="work for a job that runs; started by `run`")
    worker.add_argument("--port", type=int, required=True, help="of the coordinator on this machine")
    worker.add_argument("--folder", type=Path, required=True, help="of the job")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
