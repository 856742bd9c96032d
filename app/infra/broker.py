"""Dramatiq on Redis: it carries messages and remembers nothing that PostgreSQL does not.

No middleware: retries, time limits, dead letters and the event loop are ours, because Dramatiq's
live in Redis and in threads, and it swallows what a middleware raises.
"""

import redis
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import NoBackoff
from redis.retry import Retry

QUEUE = "default"
EVENTS_CHANNEL = "events"
# A Redis that does not answer must not hold an open transaction for long.
TIMEOUT_SECONDS = 5.0


def open_broker(url: str) -> RedisBroker:
    """A broker that connects when it is first used; call `close_broker` when done."""
    client = redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        # Whoever calls tries again later; a retry in here would only hold their transaction open.
        retry=Retry(NoBackoff(), 0),
    )
    return RedisBroker(client=client, middleware=[])  # type: ignore[no-untyped-call] # Dramatiq's


def close_broker(broker: RedisBroker) -> None:
    """Disconnect."""
    broker.close()
    broker.client.close()
