"""Word count by MapReduce beside the same loop by hand: `nox -s bench_core -- mapreduce [rounds] [MiB]`.

By hand: two processes of ``multiprocessing`` count the words of the same splits, and the parent adds the counters up. Both read the same
file, which is in the page cache after the first round; both end with the counts on disk. Rounds alternate; medians and spread are shown.
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from workloads.mapreduce.run import run_job
from workloads.mapreduce.splits import SPLIT_BYTES, Split, blocks, splits_of

_WORDS = 50_000
_WORKERS = 2


def make_input(path: Path, mib: int) -> None:
    """Write ``mib`` MiB of words whose frequencies fall like those of a language (Zipf)."""
    rng = random.Random(7)
    words = [f"word{number:x}" for number in range(_WORDS)]
    weights = [1 / (number + 1) for number in range(_WORDS)]
    block = b"\n".join(" ".join(rng.choices(words, weights, k=12)).encode() for _ in range(12_000)) + b"\n"
    with path.open("wb") as file:
        while file.tell() < mib << 20:
            file.write(block)


def count(split: Split) -> Counter[bytes]:
    """Count the words of a split."""
    found: Counter[bytes] = Counter()
    for block in blocks(split):
        found.update(block.split())
    return found


def by_hand(path: Path, out: Path) -> float:
    """Return the seconds of the loop by hand."""
    began = time.perf_counter()
    total: Counter[bytes] = Counter()
    with multiprocessing.Pool(_WORKERS) as pool:
        for found in pool.imap_unordered(count, splits_of([path], SPLIT_BYTES)):
            total.update(found)
    out.write_bytes(b"".join(b"%b %d\n" % pair for pair in sorted(total.items())))
    return time.perf_counter() - began


def main(rounds: int = 3, mib: int = 1024) -> None:
    """Print the throughput of both, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_input(folder / "input", mib)
        ours, theirs = [], []
        for number in range(rounds):
            theirs.append(by_hand(folder / "input", folder / "by-hand"))
            done = run_job("word-count", [folder / "input"], folder / f"out-{number}", workers=_WORKERS)
            ours.append(done.seconds)
        lines = sorted(line for path in done.outputs for line in path.read_bytes().splitlines())
        assert lines == (folder / "by-hand").read_bytes().splitlines(), "both count the same"
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        print(f"word count over {mib} MiB, {_WORKERS} workers, {rounds} rounds in turn, to disk, without fsync")
        for label, taken in (("MapReduce", ours), ("by hand", theirs)):
            print(f"  {label:<10} {mib / statistics.median(taken):6.1f} MiB/s  ({min(taken):.1f} to {max(taken):.1f} s)")
        print(f"  ratio      {statistics.median(ratios):6.2f}        ({min(ratios):.2f} to {max(ratios):.2f}); at least 0.7")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
