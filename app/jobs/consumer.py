"""The consumer: one message, worked on by one worker at a time, its effect recorded exactly once.

PostgreSQL owns the retries. A delivery takes the message's advisory lock on a connection of its
own, counts the attempt in a transaction of its own, and only then begins. Lock and work share that
one connection: a worker that loses it loses the lock and the open transaction together, so two can
never both commit. The last step commits together with the inbox row and the outbox row's end.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TypeAlias
from uuid import UUID

import asyncpg
import orjson
import structlog
from asyncpg.pool import PoolConnectionProxy

from app.infra.database import Database, Transaction
from app.jobs import metrics, rows
from app.jobs.job import Job, Message, Progress
from app.jobs.outages import OUTAGES

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

MAX_REPETITIONS = 5
_REPEATED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
MOST_SECONDS_BETWEEN_ATTEMPTS = 300.0
_ERROR_LENGTH = 500
DIED = "The worker ended before the job did."

log = structlog.get_logger(__name__)


class Consumer:
    """Does the work of messages. `retry_seconds` is the wait after the first failed attempt."""

    def __init__(
        self, database: Database, jobs: Iterable[Job], *, retry_seconds: float = 2.0
    ) -> None:
        self._database = database
        self._jobs = {job.topic: job for job in jobs}
        self._retry_seconds = retry_seconds
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()
        metrics.begin_at_zero(job.name for job in self._jobs.values())

    async def consume(self, message_id: UUID) -> None:
        """Do what is left to do for a message: nothing, if it is done, dead or being worked on."""
        task = asyncio.current_task()
        assert task is not None, "a coroutine always runs in a task"
        self._running.add(task)
        try:
            async with self._alone_with(message_id) as connection:
                taken = await self._take(connection, message_id) if connection else None
                if connection is None or taken is None:
                    metrics.DUPLICATES.inc()
                    return
                job, message = taken
                if message.attempt > 1:
                    metrics.RETRIED.labels(job.name).inc()
                with metrics.JOB_SECONDS.labels(job.name).time():
                    await self._attempt(connection, job, message)
        finally:
            self._running.discard(task)

    async def stop(self, seconds: float) -> None:
        """Begin no further attempt and no further step; what was begun has so long to end.

        Then it is cancelled: its open step is rolled back and the message sent again.
        """
        self._stopping = True
        late = set(self._running)
        if late:
            _, late = await asyncio.wait(late, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    @asynccontextmanager
    async def _alone_with(self, message_id: UUID) -> AsyncIterator["Connection | None"]:
        """A connection that holds the message's lock, or None while another worker holds it."""
        async with self._database.write_pool.acquire() as connection:
            tx = Transaction(connection)
            if not await tx.fetchval(rows.TRY_LOCK, id=message_id):
                yield None
                return
            try:
                yield connection
            finally:
                await _unlock(connection, message_id)

    async def _take(self, connection: Connection, message_id: UUID) -> tuple[Job, Message] | None:
        """Count an attempt, committed before any work. None when there is nothing to do."""
        if self._stopping:
            return None
        async with connection.transaction():
            tx = Transaction(connection)
            row = await tx.fetchrow(rows.LOCK_PENDING, id=message_id)
            job = self._jobs.get(row["topic"]) if row else None
            if row is None or job is None:
                return None
            if row["consumed"]:
                await tx.execute(rows.MARK_DONE, id=message_id)
                return None
            begun: int = row["attempts"]
            message = Message(
                id=message_id, payload=orjson.loads(row["payload"]), attempt=begun + 1
            )
            if begun >= job.max_attempts:
                await self._give_up(tx, job, message, row["last_error"] or DIED)
                return None
            await tx.execute(rows.COUNT_ATTEMPT, id=message_id)
            return job, message

    async def _attempt(self, connection: Connection, job: Job, message: Message) -> None:
        bound = log.bind(job=job.name, message_id=str(message.id), attempt=message.attempt)
        try:
            finished = await self._steps(connection, job, message)
        except asyncio.CancelledError:
            await self._put_back(message)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a job raises: logged, kept in the row
            bound.exception("job failed")
            metrics.FAILED.labels(job.name).inc()
            await self._fail(job, message, _described(error))
            return
        if finished:
            metrics.PROCESSED.labels(job.name).inc()
            bound.info("job done")
        else:
            await self._put_back(message)

    async def _steps(self, connection: Connection, job: Job, message: Message) -> bool:
        """Run step after step, each its own transaction; false when stopped between two."""
        while not self._stopping:
            started = perf_counter()
            async with asyncio.timeout(job.step_seconds):
                progress = await _repeatedly(connection, job, message)
            metrics.STEP_SECONDS.labels(job.name).observe(perf_counter() - started)
            if progress is Progress.FINISHED:
                return True
        return False

    async def _fail(self, job: Job, message: Message, error: str) -> None:
        """Note why, and when to try again; after the last attempt, give up."""
        wait = min(self._retry_seconds * 2 ** (message.attempt - 1), MOST_SECONDS_BETWEEN_ATTEMPTS)
        async with self._database.transaction() as tx:
            row = await tx.fetchrow(rows.LOCK_PENDING, id=message.id)
            # Another attempt has begun since the connection was lost: this one has no say any more.
            if row is None or row["attempts"] != message.attempt:
                return
            if message.attempt >= job.max_attempts:
                await self._give_up(tx, job, message, error)
            else:
                await tx.execute(rows.SEND_AGAIN, id=message.id, error=error, wait=wait)

    async def _give_up(self, tx: Transaction, job: Job, message: Message, error: str) -> None:
        await tx.execute(rows.MARK_DEAD, id=message.id, error=error)
        if job.bury is not None:
            await job.bury(tx, message, error)
        metrics.DEAD.labels(job.name).inc()
        log.error(
            "message is dead",
            job=job.name,
            message_id=str(message.id),
            error=error,
        )

    async def _put_back(self, message: Message) -> None:
        """An attempt that was stopped on purpose does not count, and is due again at once."""
        async with self._database.transaction() as tx:
            await tx.execute(rows.PUT_BACK, id=message.id, attempt=message.attempt)


async def _unlock(connection: Connection, message_id: UUID) -> None:
    """Give the lock back; a session that cannot is ended, and its lock with it."""
    try:
        await Transaction(connection).execute(rows.UNLOCK, id=message_id)
    except OUTAGES:
        log.warning("the connection of a job was lost", message_id=str(message_id))
    except BaseException:
        # Never back into the pool with the lock.
        connection.terminate()
        raise


async def _repeatedly(connection: Connection, job: Job, message: Message) -> Progress:
    """One step, repeated as a whole on deadlock or serialization failure, bounded, with jitter."""
    for repetition in range(1, MAX_REPETITIONS + 1):
        try:
            return await _one_step(connection, job, message)
        except _REPEATED:
            if repetition == MAX_REPETITIONS:
                raise
            await asyncio.sleep(random.uniform(0.5, 1.5) * 0.01 * 2**repetition)  # noqa: S311 - jitter
    raise AssertionError("unreachable: the last repetition returns or raises")


async def _one_step(connection: Connection, job: Job, message: Message) -> Progress:
    async with connection.transaction():
        tx = Transaction(connection)
        # Locked for the whole step: the relay passes the row by, and nobody else can end it.
        if await tx.fetchrow(rows.LOCK_PENDING, id=message.id) is None:
            return Progress.FINISHED
        progress = await job.step(tx, message)
        if progress is Progress.FINISHED:
            await tx.execute(rows.RECORD_INBOX, id=message.id, consumer=job.name)
            await tx.execute(rows.MARK_DONE, id=message.id)
        return progress


def _described(error: Exception) -> str:
    """The kind and first line of an error: in the lines after it, PostgreSQL quotes rows."""
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}"[:_ERROR_LENGTH].rstrip(": ")
