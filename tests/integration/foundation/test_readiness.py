"""A server is waited for until it answers, ends, or takes too long."""

from __future__ import annotations

import pytest

from foundation.errors import NotReadyError
from foundation.processes.child import Child
from foundation.processes.readiness import wait_until_ready


def test_it_is_asked_until_it_answers() -> None:
    answers = iter([False, False, True])
    with Child(["/bin/sleep", "600"], grace_s=0) as child:
        wait_until_ready(child, lambda: next(answers), within_s=60, poll_s=0.001)
    assert list(answers) == []


def test_one_that_ends_is_not_waited_for() -> None:
    with Child(["/bin/sh", "-c", "exit 3"]) as child, pytest.raises(NotReadyError, match=r"^ended with exit code 3$"):
        wait_until_ready(child, lambda: False, within_s=60)


def test_one_that_takes_too_long_is_given_up() -> None:
    with Child(["/bin/sleep", "600"], grace_s=0) as child, pytest.raises(NotReadyError, match=r"^did not answer within 0\.01 s$"):
        wait_until_ready(child, lambda: False, within_s=0.01, poll_s=0.001)
