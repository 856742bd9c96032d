"""Word of a changed policy, from the process that changed it to every other, through Redis.

It only saves each process one statement that comes back as stale: a lost message costs nothing
else, because every statement compares versions itself (`viewers.py`).
"""

import asyncio

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.infra.redis import NAMESPACE
from app.services.auth.viewers import Viewers

CHANNEL = f"{NAMESPACE}:policy"
POLL_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 30.0

log = structlog.get_logger(__name__)


async def announce_policy_change(redis: Redis) -> None:
    """Tell every process; to be called after the change is committed."""
    await redis.publish(CHANNEL, "changed")


async def follow_policy(redis: Redis, viewers: Viewers) -> None:
    """Clear `viewers` at every message. Runs until cancelled, through any outage of Redis."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(CHANNEL)
                pause = FIRST_PAUSE_SECONDS
                # Whatever was said while nobody listened.
                viewers.invalidate_all()
                while True:
                    message = await subscription.get_message(timeout=POLL_SECONDS)
                    if message is not None:
                        viewers.invalidate_all()
        except (RedisError, OSError) as error:
            log.warning("policy channel lost, trying again", reason=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
