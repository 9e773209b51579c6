"""An error of the engine in one line."""

from __future__ import annotations

from stacks.graph.sources.diagnostics import brief


def test_of_a_traceback_only_what_was_raised() -> None:
    assert brief("error: Program failed\nTraceback (most recent call last):\n  File 'a'\nValueError: no") == "ValueError: no"


def test_a_long_one_is_cut() -> None:
    assert brief("x" * 2000).endswith(" …")
    assert len(brief("x" * 2000)) < 700


def test_an_object_that_did_not_get_ready_is_told_by_the_reason_alone() -> None:
    said = """5 errors occurred:
\t* resource "urn:pulumi:lab::sandtable::kubernetes:apps/v1:Deployment::vault/web" was successfully created, but the Kubernetes API server \
reported that it failed to fully initialize or become live: 'web' timed out waiting to be Ready
\t* Minimum number of live Pods was not attained
"""
    assert brief(said) == "'web' timed out waiting to be Ready * Minimum number of live Pods was not attained"
