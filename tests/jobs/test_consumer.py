"""One message, one effect: whoever delivers it, however often, and however it ends."""

import asyncio
from uuid import uuid4

import asyncpg
import orjson
import pytest
from sqlalchemy import text

from app.infra.database import Statement
from app.jobs.consumer import Consumer
from app.jobs.job import Job, Progress
from app.jobs.registry import every_job
from app.services.outbox import enqueue
from app.services.reconciliation.start import open_run
from tests.jobs.worker_program import COUNT_UP, EFFECT, TEST_JOBS


async def send(database, topic="job.count_up", **payload):
    return await database.run(lambda tx: enqueue(tx, topic, payload))


async def effects(owner):
    return [row["step"] for row in await owner.fetch("SELECT step FROM effects ORDER BY step")]


async def state(owner, message_id):
    return tuple(
        await owner.fetchrow("SELECT state, attempts FROM outbox WHERE id = $1", message_id)
    )


async def begun(owner, consumer, eventually, message_id):
    """Consumes a message; the task, in the middle of its first attempt."""
    task = asyncio.create_task(consumer.consume(message_id))

    async def has_begun():
        return await state(owner, message_id) == ("PENDING", 1)

    await eventually(has_begun)
    return task


@pytest.fixture
def consumer(database):
    return Consumer(database, TEST_JOBS, retry_seconds=0)


async def test_delivered_again_after_it_is_done(database, owner, consumer):
    message_id = await send(database, steps=2)
    for _ in range(3):
        await consumer.consume(message_id)
    assert await effects(owner) == [1, 2]
    assert await state(owner, message_id) == ("DONE", 1)


async def test_delivered_while_it_is_being_done(database, owner, consumer):
    message_id = await send(database, steps=3, seconds=0.1)
    other = Consumer(database, TEST_JOBS)
    await asyncio.gather(*(each.consume(message_id) for each in (consumer, other, other)))
    assert await effects(owner) == [1, 2, 3]
    assert await state(owner, message_id) == ("DONE", 1)


async def test_the_attempt_is_counted_before_the_work_begins(database, owner):
    seen = []

    async def look(_tx, message):
        # Another session's view: only what is committed.
        seen.append((await state(owner, message.id), message.attempt))
        return Progress.FINISHED

    consumer = Consumer(database, [Job(name="look", description="Looks.", step=look)])
    await consumer.consume(await send(database, "job.look"))
    assert seen == [(("PENDING", 1), 1)]


async def test_what_an_inbox_row_says_is_done_is_not_done_again(database, owner, consumer):
    message_id = await send(database, steps=1)
    await owner.execute(
        "INSERT INTO inbox (message_id, consumer) VALUES ($1, 'count_up')", message_id
    )
    await consumer.consume(message_id)
    assert await effects(owner) == []
    assert await state(owner, message_id) == ("DONE", 0)


async def test_unknown_messages_and_unknown_jobs_are_left_alone(database, owner, consumer):
    await consumer.consume(uuid4())
    message_id = await send(database, "job.from_the_future")
    await consumer.consume(message_id)
    assert await state(owner, message_id) == ("PENDING", 0)


async def test_a_failure_leaves_no_effect_and_says_why(database, owner, consumer):
    message_id = await send(database, "job.always_fail")
    await consumer.consume(message_id)
    assert await effects(owner) == []
    assert await state(owner, message_id) == ("PENDING", 1)
    assert await owner.fetchval("SELECT last_error FROM outbox") == "ValueError: cannot be done"


async def test_giving_up_tells_the_job_in_the_same_transaction(database, owner):
    async def fail(_tx, _message):
        raise RuntimeError("no")

    async def bury(tx, message, error):
        assert error == "RuntimeError: no"
        await tx.execute(EFFECT, id=message.id, step=99, process=0)

    job = Job(name="fail", description="Fails.", step=fail, bury=bury, max_attempts=2)
    consumer = Consumer(database, [job], retry_seconds=0)
    message_id = await send(database, "job.fail")
    for _ in range(4):
        await consumer.consume(message_id)
    assert await state(owner, message_id) == ("DEAD", 2)
    assert await effects(owner) == [99]


async def test_a_step_that_takes_too_long_is_a_failed_attempt(database, owner):
    async def dawdle(tx, message):
        await tx.execute(EFFECT, id=message.id, step=1, process=0)
        await tx.execute(Statement(text("SELECT pg_sleep(30)")))
        return Progress.FINISHED

    job = Job(name="dawdle", description="Dawdles.", step=dawdle, step_seconds=0.1)
    message_id = await send(database, "job.dawdle")
    await Consumer(database, [job]).consume(message_id)
    assert await effects(owner) == []
    assert await state(owner, message_id) == ("PENDING", 1)
    assert await owner.fetchval("SELECT last_error FROM outbox") == "TimeoutError"


async def test_a_cancelled_step_is_undone_and_not_counted(database, owner, consumer, eventually):
    message_id = await send(database, steps=2, seconds=30)
    task = await begun(owner, consumer, eventually, message_id)
    await consumer.stop(0.1)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await effects(owner) == []
    assert await state(owner, message_id) == ("PENDING", 0)
    # Nothing keeps the message locked.
    await owner.execute("""UPDATE outbox SET payload = '{"steps": 1}'""")
    await Consumer(database, TEST_JOBS).consume(message_id)
    assert await state(owner, message_id) == ("DONE", 1)


async def test_a_stopping_consumer_ends_the_step_at_hand(database, owner, consumer, eventually):
    message_id = await send(database, steps=2, seconds=0.5)
    task = await begun(owner, consumer, eventually, message_id)
    await consumer.stop(30)
    await task
    assert len(await effects(owner)) == 1
    assert await state(owner, message_id) == ("PENDING", 0)


async def test_a_stopping_consumer_begins_nothing(database, owner, consumer):
    message_id = await send(database, steps=1)
    await consumer.stop(0)
    await consumer.consume(message_id)
    assert await state(owner, message_id) == ("PENDING", 0)


async def test_a_lost_connection_loses_the_lock_and_the_step_together(
    database, owner, consumer, eventually
):
    message_id = await send(database, steps=1, seconds=2)
    task = asyncio.create_task(consumer.consume(message_id))

    async def has_begun():
        return await owner.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        ) and await state(owner, message_id) == ("PENDING", 1)

    await eventually(has_begun)
    await owner.execute(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a "
        "ON a.pid = l.pid WHERE l.locktype = 'advisory' AND a.datname = current_database()"
    )
    # Another worker may begin at once, while the first does not know yet.
    await owner.execute("""UPDATE outbox SET payload = '{"steps": 1}'""")
    await Consumer(database, [COUNT_UP]).consume(message_id)
    assert await effects(owner) == [1]
    await task
    assert await effects(owner) == [1]
    assert await state(owner, message_id) == ("DONE", 2)


async def test_a_deadlock_repeats_the_step_within_the_attempt(database, owner):
    tries = []

    async def collide(_tx, message):
        tries.append(message.attempt)
        if len(tries) < 3:
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return Progress.FINISHED

    job = Job(name="collide", description="Collides.", step=collide)
    message_id = await send(database, "job.collide")
    await Consumer(database, [job]).consume(message_id)
    assert tries == [1, 1, 1]
    assert await state(owner, message_id) == ("DONE", 1)


async def test_a_dead_reconciliation_leaves_a_failed_run(database, owner):
    run_id = await database.run(lambda tx: open_run(tx, incremental=False))
    message_id = await send(database, "job.reconciliation", run_id=str(run_id))
    await owner.execute("UPDATE outbox SET attempts = 10, last_error = 'TimeoutError'")
    await Consumer(database, every_job(housekeeping_days=30)).consume(message_id)
    run = await owner.fetchrow("SELECT status, failures FROM reconciliation_runs")
    assert run["status"] == "FAILED"
    assert [each["message"] for each in orjson.loads(run["failures"])] == ["TimeoutError"]
    assert (await state(owner, message_id))[0] == "DEAD"
