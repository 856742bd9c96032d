"""Sixteen clients at once on five customers: nothing twice, nothing lost, nothing unasked for.

CHAOS_SECONDS=20 for the whole length; CHAOS_SEED to let the clients choose the same again.
"""

import asyncio
import os

from tests.chaos.load import Load, say

SECONDS = float(os.environ.get("CHAOS_SECONDS") or 6)


async def test_sixteen_clients_at_once(load: Load) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + SECONDS
    async with asyncio.TaskGroup() as clients:
        for actor in load.actors:
            clients.create_task(actor.work(until=lambda: loop.time() >= end))
    say(load.report())
    counts = load.told.counts
    assert counts["lost"] == counts["unavailable"] == 0
    await load.reckon()
