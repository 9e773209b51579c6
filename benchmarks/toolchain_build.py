"""How long a machine with empty caches takes to provide the tools of a job, and how long the doctor takes afterwards.

    python benchmarks/toolchain_build.py [JOB]

JOB is ``rehearse`` unless given. Everything goes to a new folder, which is removed at the end; Go is taken from PATH if it fits. The
doctor's time is the median of five.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time

import toolchain


def main(job: str) -> None:
    """Build the tools of ``job`` and print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SANDTABLE_CACHE"] = folder
        names = toolchain.tools_for(job)
        planned = toolchain.plan(names)
        print(f"{job}: {len(planned.steps)} steps, estimated {planned.estimate_s:.0f} s on {os.cpu_count()} cores")

        def tell(event: toolchain.BuildProgress) -> None:
            if event.state == "done":
                print(f"  {event.elapsed_s:7.1f} s (estimated {event.estimate_s:5.0f} s)  {event.tool}", flush=True)

        start = time.perf_counter()
        tools = toolchain.ensure(names, on_progress=tell)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"in all {time.perf_counter() - start:.1f} s, {used.ru_utime + used.ru_stime:.0f} s of CPU, load {os.getloadavg()[0]:.1f}")
        size = sum(tool.path.stat().st_size for tool in tools.values())
        print(f"{len(tools)} tools, {size / 1e6:.0f} MB")

        for verify in (False, True):
            seconds = []
            for _ in range(5):
                start = time.perf_counter()
                toolchain.status(verify=verify)
                seconds.append(time.perf_counter() - start)
            print(f"status {'with' if verify else 'without'} checksums: median {statistics.median(seconds):.2f} s, n = 5")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["rehearse"]))
