"""The relay: outbox rows that are due go to Redis, again and again until their effect is recorded.

Rows are taken with SKIP LOCKED, so any number of relays may run. A row counts as sent only when
Redis has taken it; one whose message was lost comes due again by itself. Nothing is ever decided by
"id greater than the last": a transaction that commits late is found like any other.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
import structlog
from dramatiq import Actor
from dramatiq.brokers.redis import RedisBroker
from redis.exceptions import RedisError
from sqlalchemy import text

from app.infra.broker import EVENTS_CHANNEL, QUEUE
from app.infra.database import Database, Row, Statement
from app.jobs import metrics
from app.jobs.listener import Listener
from app.jobs.outages import OUTAGES

CHUNK = 500
# Messages that may wait in Redis. More would only be repetitions of rows that wait for a worker.
MAX_QUEUED = 2000

log = structlog.get_logger(__name__)

_DUE = """
SELECT id, topic, CAST(payload AS text) AS payload FROM outbox
WHERE state = 'PENDING' AND send_at <= now() AND topic LIKE '{prefix}.%'
ORDER BY send_at LIMIT :size FOR UPDATE SKIP LOCKED
"""
DUE_JOBS = Statement(text(_DUE.format(prefix="job")))
DUE_EVENTS = Statement(text(_DUE.format(prefix="event")))
MARK_SENT = Statement(
    text(
        "UPDATE outbox SET sends = sends + 1, send_at = clock_timestamp() + make_interval("
        "secs => least(CAST(:cap AS float8), CAST(:first AS float8) * power(2, least(sends, 30)))) "
        "WHERE id = ANY(CAST(:ids AS uuid[]))"
    )
)
MARK_PUBLISHED = Statement(
    text(
        "UPDATE outbox SET sends = sends + 1, state = 'DONE', finished_at = clock_timestamp() "
        "WHERE id = ANY(CAST(:ids AS uuid[]))"
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How often the relay looks, and when a row that is not done yet is sent again.

    The wait before sending again doubles from `resend_first_seconds` to `resend_most_seconds`.
    """

    poll_seconds: float = 0.5
    failure_seconds: float = 2.0
    resend_first_seconds: float = 5.0
    resend_most_seconds: float = 60.0


class Relay:
    """Moves due rows to Redis until told to stop."""

    def __init__(
        self,
        database: Database,
        broker: RedisBroker,
        actors: Mapping[str, "Actor[[str], None]"],
        pace: Pace,
    ) -> None:
        self._database = database
        self._broker = broker
        self._actors = actors
        self._pace = pace

    async def run(self, stopping: asyncio.Event) -> None:
        """Relay until `stopping` is set. PostgreSQL or Redis away: log, wait, go on."""
        async with Listener(self._database, "outbox") as listener:
            while not stopping.is_set():
                pause = self._pace.poll_seconds
                try:
                    await listener.ensure()
                    if await self.relay_due() >= CHUNK:
                        pause = 0.0
                except (*OUTAGES, RedisError):
                    metrics.RELAY_FAILURES.inc()
                    log.exception("relaying failed, trying again")
                    pause = self._pace.failure_seconds
                await listener.wait(pause, stopping)

    async def relay_due(self) -> int:
        """Send one chunk of jobs and one of events; how many rows the larger of the two had."""
        return max(await self._relay_jobs(), await self._relay_events())

    async def _relay_jobs(self) -> int:
        room = MAX_QUEUED - await asyncio.to_thread(self._queued)
        if room <= 0:
            return 0
        async with self._database.transaction() as tx:
            rows = await tx.fetch(DUE_JOBS, size=min(CHUNK, room))
            if rows:
                await asyncio.to_thread(self._send, rows)
                await tx.execute(
                    MARK_SENT,
                    ids=[row["id"] for row in rows],
                    first=self._pace.resend_first_seconds,
                    cap=self._pace.resend_most_seconds,
                )
        return len(rows)

    async def _relay_events(self) -> int:
        async with self._database.transaction() as tx:
            rows = await tx.fetch(DUE_EVENTS, size=CHUNK)
            if rows:
                await asyncio.to_thread(self._publish, rows)
                await tx.execute(MARK_PUBLISHED, ids=[row["id"] for row in rows])
        return len(rows)

    # What follows blocks on Redis and runs in a thread.

    def _queued(self) -> int:
        return int(self._broker.do_qsize(QUEUE))

    def _send(self, rows: Sequence[Row]) -> None:
        for row in rows:
            actor = self._actors.get(row["topic"])
            if actor is None:
                # A newer version's job, perhaps: left to a relay that knows it.
                log.error("no such job", topic=row["topic"], message_id=str(row["id"]))
                continue
            actor.send(str(row["id"]))
            metrics.SENT.labels(row["topic"]).inc()

    def _publish(self, rows: Sequence[Row]) -> None:
        with self._broker.client.pipeline(transaction=False) as pipeline:
            for row in rows:
                event = {
                    "id": str(row["id"]),
                    "topic": row["topic"],
                    "payload": orjson.Fragment(row["payload"]),
                }
                pipeline.publish(EVENTS_CHANNEL, orjson.dumps(event))
                metrics.SENT.labels(row["topic"]).inc()
            pipeline.execute()
