"""The MapReduce tests of the MIT 6.5840 lab, with real worker processes: counts, index, parallelism, exit, crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path

import psutil
import pytest

from workloads.mapreduce import coordinator
from workloads.mapreduce.errors import TaskFailedError
from workloads.mapreduce.run import Finished, run_job

FILES = 8


class Stopped(Exception):  # noqa: N818
    pass


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("books")
    for number in range(FILES):
        words = [f"w{(number * 7919 + index * index) % 997}" for index in range(4000)]
        (folder / f"book-{number}.txt").write_text("\n".join(" ".join(words[at : at + 10]) for at in range(0, 4000, 10)) + "\n")
    return sorted(folder.iterdir())


def counted(done: Finished) -> dict[str, int]:
    lines = [line.split() for path in done.outputs for line in path.read_text().splitlines()]
    return {word: int(count) for word, count in lines}


def wanted(inputs: list[Path]) -> Counter[str]:
    return Counter(word for path in inputs for word in path.read_text().split())


def test_words_are_counted_by_one_map_task_a_file_and_nothing_else_is_left(inputs: list[Path], tmp_path: Path) -> None:
    done = run_job("word-count", inputs, tmp_path / "out", workers=2, partitions=3)
    assert counted(done) == wanted(inputs)
    assert (done.maps, done.reissued) == (FILES, 0)
    # The output is final when the job returns: the files of the tasks are gone, and no worker is left.
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["job.json", "part-00000", "part-00001", "part-00002"]
    assert workers_of(tmp_path / "out") == []


def test_the_index_names_the_files_of_each_word(inputs: list[Path], tmp_path: Path) -> None:
    done = run_job("inverted-index", inputs, tmp_path / "out")
    lines = {line.split()[0]: line.split()[1:] for path in done.outputs for line in path.read_text().splitlines()}
    words = {path.name: set(path.read_text().split()) for path in inputs}
    for word in ("w0", "w1", "w42"):
        names = sorted(name for name, found in words.items() if word in found)
        assert lines.get(word) == ([str(len(names)), ",".join(names)] if names else None)


def test_workers_that_are_killed_lose_nothing(inputs: list[Path], tmp_path: Path) -> None:
    killed, stop = threading.Event(), threading.Event()

    def kill_some() -> None:
        while not killed.is_set() and not stop.wait(0.01):
            for pid in workers_of(tmp_path / "out")[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.set()

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        done = run_job("word-count", inputs, tmp_path / "out", workers=2, split_bytes=4096)
    finally:
        stop.set()
        killer.join()
    assert killed.is_set()
    assert counted(done) == wanted(inputs)


def test_a_worker_that_stands_still_is_overtaken(inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "_LATE_S", 0.5)
    stopped: list[int] = []

    def stop_one(_phase: str, _done: int, _total: int) -> None:
        if not stopped:
            stopped[:] = workers_of(tmp_path / "out")[:1]
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)

    done = run_job("word-count", inputs, tmp_path / "out", workers=2, split_bytes=4096, on_progress=stop_one)
    assert stopped
    assert counted(done) == wanted(inputs)
    assert not psutil.pid_exists(stopped[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk needs root, to mount a tmpfs")
def test_a_full_disk_ends_the_job_and_with_space_it_goes_on(inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", out], check=False, capture_output=True).returncode:
        pytest.skip("no tmpfs may be mounted here")
    try:
        with pytest.raises(TaskFailedError, match="No space left on device"):
            run_job("word-count", inputs, out, workers=1)
        subprocess.run(["mount", "-o", "remount,size=4m", out], check=True)
        done = run_job("word-count", inputs, out, workers=1)
        assert counted(done) == wanted(inputs)
    finally:
        subprocess.run(["umount", out], check=True)


def test_an_interrupted_job_goes_on_from_what_is_there(inputs: list[Path], tmp_path: Path) -> None:
    def stop_after_some(phase: str, done: int, _total: int) -> None:
        if phase == "map" and done >= 2:
            raise Stopped

    with pytest.raises(Stopped):
        run_job("word-count", inputs, tmp_path / "out", split_bytes=2048, on_progress=stop_after_some)
    done = run_job("word-count", inputs, tmp_path / "out", split_bytes=2048)
    assert done.resumed >= 2
    assert counted(done) == wanted(inputs)


def test_a_line_that_no_task_can_read_ends_the_job_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text('{"no": "entry"}\n')
    with pytest.raises(TaskFailedError, match=r"map task 0 failed 4 times.*ledger: a line is no entry"):
        run_job("usage", [tmp_path / "ledger"], tmp_path / "out", workers=1)


def workers_of(folder: Path) -> list[int]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if f"--folder={folder}" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
