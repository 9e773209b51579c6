"""What a store that coordinates promises (``workloads/ports/coordination``), asked of the fake, of a group of ours and of etcd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Any

import pytest

from workloads.ports.coordination import (
    Change,
    Coordination,
    Election,
    Instance,
    KeyValue,
    LeaseLostError,
    Lock,
    RefusedError,
    Registration,
    Revision,
    instances,
)

Run = Callable[[Callable[[Coordination], Coroutine[Any, Any, None]]], None]
Store = Callable[[], AbstractAsyncContextManager[Coordination]]


def test_a_key_has_the_value_and_the_revision_of_its_last_change(run: Run, prefix: str) -> None:
    async def test(store: Coordination) -> None:
        assert await store.get(prefix + "a") is None
        first = await store.put(prefix + "a", "ä 1")
        second = await store.put(prefix + "a", "2")
        assert second > first
        assert await store.get(prefix + "a") == KeyValue(prefix + "a", "2", second)
        assert await store.delete(prefix + "a")
        assert not await store.delete(prefix + "a")
        assert await store.get(prefix + "a") is None

    run(test)


def test_a_listing_has_the_keys_of_a_prefix_in_order(run: Run, prefix: str) -> None:
    async def test(store: Coordination) -> None:
        for name in ("b", "a", "a/1", "ab", "ä"):
            await store.put(prefix + name, name)
        await store.put(prefix[:-1] + "0", "the first text behind the prefix")
        listing = await store.list(prefix)
        assert [each.value for each in listing.keys] == ["a", "a/1", "ab", "b", "ä"]
        assert listing.revision >= max(each.revision for each in listing.keys)
        assert [each.value for each in (await store.list(prefix + "a")).keys] == ["a", "a/1", "ab"]

    run(test)


def test_a_compare_and_set_fits_or_changes_nothing(run: Run, prefix: str) -> None:
    async def test(store: Coordination) -> None:
        key = prefix + "a"
        first = await store.compare_and_set(key, None, "1")
        assert first is not None
        assert await store.compare_and_set(key, None, "2") is None
        assert await store.compare_and_set(key, "0", "2") is None
        second = await store.compare_and_set(key, "1", "2")
        assert second is not None
        assert second > first
        assert await store.get(key) == KeyValue(key, "2", second)

    run(test)


def test_of_many_increments_none_is_lost(store: Store, prefix: str) -> None:
    async def increment(client: Coordination) -> None:
        for _ in range(5):
            while True:
                there = await client.get(prefix + "n")
                value = there.value if there else None
                if await client.compare_and_set(prefix + "n", value, str(int(value or 0) + 1)):
                    break

    async def test() -> None:
        async with asyncio.timeout(180), store() as first, store() as second:
            await asyncio.gather(*(increment(client) for client in (first, second) for _ in range(4)))
            there = await first.get(prefix + "n")
            assert there is not None
            assert there.value == "40"

    asyncio.run(test())


def test_a_watch_tells_every_revision_once_from_where_it_begins(run: Run, prefix: str) -> None:
    async def test(store: Coordination) -> None:
        before = await store.put(prefix + "a", "0")
        expected = [Revision(await store.put(prefix + "a", str(number)), (Change(prefix + "a", str(number)),)) for number in range(1, 4)]
        await store.put("elsewhere", "")
        seen: list[Revision] = []
        async with aclosing(store.watch(prefix, after=before)) as revisions:
            async for each in revisions:
                seen.append(each)
                if len(seen) == 3:  # all that was there; the rest comes while it waits
                    expected.append(Revision(await store.put(prefix + "b", "x"), (Change(prefix + "b", "x"),)))
                    await store.delete(prefix + "b")
                if len(seen) == 5:
                    break
        assert seen[:4] == expected
        assert seen[4].changes == (Change(prefix + "b", None),)
        async with aclosing(store.watch(prefix, after=seen[1].number)) as resumed:
            assert [await anext(resumed) for _ in range(3)] == seen[2:]

    run(test)


def test_the_keys_of_a_lease_go_with_it_in_one_revision(run: Run, prefix: str) -> None:
    async def test(store: Coordination) -> None:
        lease = await store.grant(60_000)
        for name in "ab":
            await store.put(prefix + name, "", lease=lease)
        await store.put(prefix + "c", "", lease=lease)
        last = await store.put(prefix + "c", "stays")
        await store.revoke(lease)
        await store.revoke(lease)
        async with aclosing(store.watch(prefix, after=last)) as revisions:
            gone = await anext(revisions)
        assert sorted(gone.changes, key=lambda each: each.key) == [Change(prefix + "a", None), Change(prefix + "b", None)]
        assert [each.value for each in (await store.list(prefix)).keys] == ["stays"]
        for ended in (store.put(prefix + "a", "", lease=lease), store.compare_and_set(prefix + "a", None, "", lease=lease)):
            with pytest.raises(LeaseLostError):
                await ended
        with pytest.raises(LeaseLostError):
            await store.keep_alive(lease)

    run(test)


def test_a_lease_lives_while_it_is_kept_alive_and_ends_by_itself(run: Run, prefix: str, ttl_ms: int) -> None:
    """Where this machine stood still for longer than a lease is, nobody kept it alive: then it is tried again."""

    async def test(store: Coordination) -> None:
        for attempt in range(20):
            if await lives_while_it_is_kept_alive(store, f"{prefix}{attempt}/", ttl_ms):
                return
        raise AssertionError(f"each of 20 times the machine stood still for {ttl_ms} ms")

    run(test)


async def lives_while_it_is_kept_alive(store: Coordination, prefix: str, ttl_ms: int) -> bool:
    """Keep a lease alive until another has ended; False if that could not be done in time."""
    loop = asyncio.get_running_loop()
    begun_s, longest_s = loop.time(), 0.0
    kept, left = await store.grant(ttl_ms), await store.grant(ttl_ms)
    try:
        await store.put(prefix + "kept", "", lease=kept)
        last = await store.put(prefix + "left", "", lease=left)
    except LeaseLostError:
        assert (loop.time() - begun_s) * 2_000 >= ttl_ms
        return False

    async def keep() -> None:
        nonlocal begun_s, longest_s
        with suppress(LeaseLostError):
            while True:
                await store.keep_alive(kept)
                longest_s, begun_s = max(longest_s, loop.time() - begun_s), loop.time()
                await asyncio.sleep(ttl_ms / 4_000)

    keeping = asyncio.create_task(keep())
    try:
        async with aclosing(store.watch(prefix, after=last)) as revisions:
            ended: set[str] = set()
            while prefix + "left" not in ended:
                coming = asyncio.create_task(anext(revisions))
                while not coming.done():  # the fake looks at its clock only when it is asked
                    await asyncio.sleep(0.05)
                    await store.get(prefix)
                assert all(change.value is None for change in (await coming).changes)
                ended |= {change.key for change in (await coming).changes}
        if await store.get(prefix + "kept") is not None:
            return True
        longest_s = max(longest_s, loop.time() - begun_s)
        assert longest_s * 2_000 >= ttl_ms, f"it ended, though it was kept alive every {longest_s * 1_000:.0f} ms"
        return False
    finally:
        keeping.cancel()


def test_locks_are_held_one_at_a_time_in_order_with_growing_tokens(store: Store, prefix: str) -> None:
    async def test() -> None:
        tokens: list[int] = []
        holders = 0

        async def hold(client: Coordination) -> None:
            nonlocal holders
            async with Lock(client, prefix, ttl_ms=60_000) as lock:
                holders += 1
                assert holders == 1
                tokens.append(lock.token)
                await asyncio.sleep(0.01)
                assert not lock.is_lost
                holders -= 1

        async with asyncio.timeout(180), store() as first, store() as second:
            await asyncio.gather(*(hold(client) for client in (first, second) for _ in range(4)))
        assert len(tokens) == 8
        assert tokens == sorted(set(tokens))

    asyncio.run(test())


def test_the_next_candidate_leads_when_the_leader_resigns(run: Run, prefix: str) -> None:
    async def test(store: Coordination) -> None:
        assert await Election.leader(store, prefix) is None
        async with Election(store, prefix, "first", ttl_ms=60_000) as first:
            second = Election(store, prefix, "second", ttl_ms=60_000)
            waiting = asyncio.create_task(second.__aenter__())
            while len((await store.list(f"elections/{prefix}/")).keys) < 2:
                await asyncio.sleep(0.01)
            assert await Election.leader(store, prefix) == "first"
            assert not waiting.done()
        await waiting
        assert await Election.leader(store, prefix) == "second"
        assert second.token > first.token
        await second.__aexit__(None, None, None)

    run(test)


def test_a_service_is_found_while_it_is_registered(run: Run, prefix: str) -> None:
    async def test(store: Coordination) -> None:
        one, two = Instance("1", "10.0.0.1:80"), Instance("2", "10.0.0.2:80")
        async with Registration(store, prefix, one), Registration(store, prefix, two):
            assert await instances(store, prefix) == [one, two]
        assert await instances(store, prefix) == []

    run(test)


def test_an_unhealthy_instance_disappears(run: Run, prefix: str) -> None:
    async def ill() -> bool:
        return False

    async def test(store: Coordination) -> None:
        async with Registration(store, prefix, Instance("1", "10.0.0.1:80"), healthy=ill, ttl_ms=3_000):
            assert len(await instances(store, prefix)) == 1
            while await instances(store, prefix):
                await asyncio.sleep(0.05)

    run(test)


def test_a_text_without_end_is_refused(run: Run, prefix: str) -> None:
    async def test(store: Coordination) -> None:
        with pytest.raises(RefusedError):
            await store.put(prefix, "x" * (2 << 20))

    run(test)
