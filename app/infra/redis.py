"""Redis: messages and short-lived counters, never the truth about anything.

Every call ends within `COMMAND_TIMEOUT_SECONDS` (and one retry), so that a Redis that is gone costs
a bounded wait. Keys and channels of the product begin with `NAMESPACE`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

NAMESPACE = "customer-flow"
CONNECT_TIMEOUT_SECONDS = 2.0
COMMAND_TIMEOUT_SECONDS = 2.0
RETRY_PAUSE_SECONDS = 0.05
MAX_CONNECTIONS = 50


def new_client(url: str) -> Redis:
    """A client for a redis://, rediss:// or unix:// address; connects with its first command."""
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=COMMAND_TIMEOUT_SECONDS,
        # One retry finds a server that was started anew; more would only lengthen the wait.
        retry=Retry(ConstantBackoff(RETRY_PAUSE_SECONDS), 1),
        max_connections=MAX_CONNECTIONS,
        client_name=NAMESPACE,
        decode_responses=True,
    )


@asynccontextmanager
async def open_redis(url: str) -> AsyncIterator[Redis]:
    """A client for the length of the block. Does not insist that the server answers."""
    client = new_client(url)
    try:
        yield client
    finally:
        await client.aclose()
