"""Dramatiq's side of the jobs: one actor each, which takes the message's id and nothing else."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from uuid import UUID

import dramatiq
from dramatiq import Actor
from dramatiq.brokers.redis import RedisBroker

from app.infra.broker import QUEUE
from app.jobs.job import Job

Consume = Callable[[UUID], Coroutine[Any, Any, None]]


def declare_actors(
    broker: RedisBroker, jobs: Iterable[Job], consume: Consume
) -> dict[str, "Actor[[str], None]"]:
    """An actor for each job, by topic. Call on the event loop that `consume` is to run on.

    Dramatiq calls an actor on one of its threads; the work itself is done on the one event loop
    that owns the connection pools, while the thread waits for its end.
    """
    loop = asyncio.get_running_loop()

    def work(message_id: str) -> None:
        asyncio.run_coroutine_threadsafe(consume(UUID(message_id)), loop).result()

    return {
        job.topic: dramatiq.actor(actor_name=job.name, queue_name=QUEUE, broker=broker)(work)
        for job in jobs
    }
