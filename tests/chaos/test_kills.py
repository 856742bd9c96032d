"""The same load while the server is killed, or its database connections are cut.

Clients repeat a request with its key until they get an answer. CHAOS_KILLS=10 for the whole length.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable

import asyncpg

from tests.chaos.load import Load, say

KILLS = int(os.environ.get("CHAOS_KILLS") or 4)
CUTS = 3 * KILLS
# How much the clients get done between two disturbances, so that each hits a system at work.
ANSWERS_BETWEEN = 40

_CUT = """
    SELECT count(pg_terminate_backend(pid)) FROM (
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        ORDER BY md5(pid::text || $1::text) LIMIT $2
    ) AS chosen
"""


async def test_the_server_is_killed_again_and_again(load: Load) -> None:
    async def kill() -> None:
        load.server.kill()
        await load.server.start()

    await _disturbed(load, KILLS, kill)
    say(load.report(kills=KILLS))
    assert load.told.counts["lost"] > 0
    await load.reckon()


async def test_database_connections_are_cut_again_and_again(load: Load) -> None:
    owner = await asyncpg.connect(load.database_url)
    cut = 0

    async def cut_some() -> None:
        nonlocal cut
        many = load.random.choice((1, 3, 100))
        cut += await owner.fetchval(_CUT, str(load.random.random()), many)

    try:
        await _disturbed(load, CUTS, cut_some)
    finally:
        await owner.close()
    say(load.report(cuts=cut))
    assert load.told.counts["lost"] == 0
    await load.server.ready()
    await _each_posts_undisturbed(load)
    await load.reckon()


async def _disturbed(load: Load, times: int, disturb: Callable[[], Awaitable[None]]) -> None:
    """Sixteen clients at work; at random moments, but never before some work is done, disturb."""
    is_over = False

    async def disturbing() -> None:
        nonlocal is_over
        try:
            for _ in range(times):
                await _until_answered(load, ANSWERS_BETWEEN)
                await asyncio.sleep(load.random.random() * 0.1)
                await disturb()
            await _until_answered(load, ANSWERS_BETWEEN)
        finally:
            is_over = True

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(disturbing())
        for actor in load.actors:
            tasks.create_task(actor.work(until=lambda: is_over))


async def _until_answered(load: Load, more: int) -> None:
    wanted = load.told.counts["answered"] + more
    while load.told.counts["answered"] < wanted:  # noqa: ASYNC110 - progress, not a time
        await asyncio.sleep(0.002)


async def _each_posts_undisturbed(load: Load) -> None:
    """The server has recovered by itself: nothing is lost or unavailable any more."""
    before = load.told.counts["unavailable"]
    await asyncio.gather(*(actor.post() for actor in load.actors))
    assert load.told.counts["unavailable"] == before
