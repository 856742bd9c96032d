"""What is finished and past its time goes; what may still be asked for, and all evidence, stays."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from app.infra import migrate
from app.jobs.consumer import Consumer
from app.jobs.registry import every_job
from app.jobs.scheduler import Scheduler
from app.services.outbox import enqueue
from tests.jobs.worker_program import COUNT_UP

DAYS = 30
JOBS = every_job(housekeeping_days=DAYS)


@pytest.fixture
def consumer(database):
    return Consumer(database, (*JOBS, COUNT_UP), retry_seconds=0)


@pytest.fixture
def clean_up(database, owner, consumer):
    """Housekeeping as the worker does it, to its end."""

    async def run():
        message_id = await database.run(lambda tx: enqueue(tx, "job.housekeeping", {}))
        await consumer.consume(message_id)
        assert await owner.fetchval("SELECT state FROM outbox WHERE id = $1", message_id) == "DONE"
        # Out of the way of what the test counts.
        await owner.execute("DELETE FROM inbox WHERE message_id = $1", message_id)
        await owner.execute("DELETE FROM outbox WHERE id = $1", message_id)

    return run


@pytest.fixture
def message(owner):
    """A row of the outbox that was written, and has ended, so many days ago."""

    async def make(days, state="DONE", *, topic="job.count_up", ended_days=None, inbox=True):
        message_id: UUID = await owner.fetchval(
            "INSERT INTO outbox (id, topic, payload, state, created_at, send_at, finished_at) "
            """SELECT uuidv7(-age), $1, '{"steps": 1}', $2, now() - age, now() - age, """
            "CASE WHEN $2 <> 'PENDING' THEN now() - make_interval(days => $4) END "
            "FROM make_interval(days => $3) age RETURNING id",
            topic,
            state,
            days,
            days if ended_days is None else ended_days,
        )
        if inbox and state == "DONE" and topic.startswith("job."):
            await owner.execute(
                "INSERT INTO inbox (message_id, consumer, processed_at) "
                "VALUES ($1, 'count_up', now() - make_interval(days => $2))",
                message_id,
                days,
            )
        return message_id

    return make


@pytest.fixture
def scheduled(owner, message):
    """A scheduled run of so many days ago, whose message has come to this state; None: skipped."""

    async def make(timetable, days, state="DONE"):
        message_id = state and await message(days, state)
        await owner.execute(
            "INSERT INTO scheduled_runs (job, scheduled_for, message_id) "
            "VALUES ($1, now() - make_interval(days => $2), $3)",
            timetable,
            days,
            message_id,
        )
        return message_id

    return make


@pytest.fixture
async def user(owner):
    return await owner.fetchval(
        "INSERT INTO users (email, name, roles) VALUES ('a@b.example', 'A', '{ADMIN}') RETURNING id"
    )


async def left(owner, table="outbox", column="id"):
    return {row[0] for row in await owner.fetch(f"SELECT {column} FROM {table}")}


async def ages(owner, timetable):
    rows = await owner.fetch(
        "SELECT round(extract(epoch FROM now() - scheduled_for) / 86400)::int AS days "
        "FROM scheduled_runs WHERE job = $1 ORDER BY 1",
        timetable,
    )
    return [row["days"] for row in rows]


async def test_finished_messages_go_with_their_inbox_rows(owner, clean_up, message):
    await message(DAYS + 1)
    await message(DAYS + 1, topic="event.entry_posted")
    kept = {await message(DAYS - 1), await message(DAYS - 1, topic="event.entry_posted")}
    await clean_up()
    assert await left(owner) == kept
    assert await left(owner, "inbox", "message_id") < kept


async def test_what_ended_lately_stays_however_old_it_is(owner, clean_up, message):
    kept = await message(400, ended_days=1)
    await clean_up()
    assert await left(owner) == await left(owner, "inbox", "message_id") == {kept}


async def test_what_is_undone_and_dead_letters_stay(owner, clean_up, message):
    kept = {await message(400, "PENDING"), await message(400, "DEAD")}
    await clean_up()
    assert await left(owner) == kept


@pytest.mark.parametrize(("days", "ended_days"), [(400, 1), (400, 400)])
async def test_a_message_that_is_replayed_is_recognised(
    owner, consumer, clean_up, message, days, ended_days
):
    message_id = await message(days, ended_days=ended_days)
    if ended_days > DAYS:
        # Somebody wants it sent again on the very day on which it would have gone.
        await owner.execute("UPDATE outbox SET state = 'PENDING'")
    await clean_up()
    await owner.execute("UPDATE outbox SET state = 'PENDING'")
    await consumer.consume(message_id)
    assert await owner.fetchval("SELECT state FROM outbox") == "DONE"
    assert await owner.fetchval("SELECT count(*) FROM effects") == 0


async def test_a_copy_in_redis_of_what_is_gone_does_nothing(owner, consumer, clean_up, message):
    message_id = await message(DAYS + 1)
    await clean_up()
    await consumer.consume(message_id)
    assert await left(owner) == await left(owner, "inbox", "message_id") == set()
    assert await owner.fetchval("SELECT count(*) FROM effects") == 0


async def test_a_message_that_is_put_back_at_the_same_time_stays_whole(
    database_url, owner, clean_up, message
):
    message_id = await message(400)
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("UPDATE outbox SET state = 'PENDING' WHERE id = $1", message_id)
        async with asyncio.timeout(30):
            await clean_up()  # and does not wait
    await other.close()
    assert await left(owner) == await left(owner, "inbox", "message_id") == {message_id}


async def test_scheduled_runs_go_but_for_what_the_scheduler_goes_on_from(
    owner, clean_up, scheduled
):
    for days in (80, 60, 40, 20, 10):
        await scheduled("seldom", days)
    for days in (60, 40):
        await scheduled("given up", days)
    await scheduled("marker", 90, None)
    await scheduled("marker", 40)
    await clean_up()
    assert await ages(owner, "seldom") == [10, 20]
    # Deleted, it would count as never seen, and what is missed then would not be caught up.
    assert await ages(owner, "given up") == [40]
    assert await ages(owner, "marker") == [40]
    assert await left(owner) == {
        row["message_id"] for row in await owner.fetch("SELECT message_id FROM scheduled_runs")
    }


async def test_the_last_success_and_later_failures_of_a_timetable_stay(owner, clean_up, scheduled):
    await scheduled("failing", 90)
    dead = await scheduled("failing", 80, "DEAD")
    success = await scheduled("failing", 70)
    failures = {await scheduled("failing", days, "DEAD") for days in (60, 50)}
    await scheduled("failing", 10, None)
    await clean_up()
    assert await ages(owner, "failing") == [10, 50, 60, 70, 80]
    assert await left(owner) == {dead, success, *failures}


async def test_expired_refresh_tokens_go_and_the_rest_of_their_family_stays(owner, clean_up, user):
    family = uuid4()
    for expired_days in (DAYS + 1, DAYS - 1, -1):
        await owner.execute(
            "INSERT INTO refresh_tokens "
            "(id, user_id, family_id, token_hash, issued_at, expires_at, used_at, revoked_at) "
            "SELECT uuidv7(-age), $1, $2, $3, now() - age, now() - make_interval(days => $4), "
            "now() - age, now() - age FROM make_interval(days => 40) age",
            user,
            family,
            str(expired_days).encode(),
            expired_days,
        )
    await clean_up()
    assert await left(owner, "refresh_tokens", "token_hash") == {b"29", b"-1"}


async def test_evidence_and_idempotency_keys_stay(owner, clean_up, user):
    await owner.execute(
        "INSERT INTO idempotency_keys (actor_id, key, operation, input_hash, created_at) "
        "VALUES ($1, 'old', 'recordPayment', '', now() - interval '10 years')",
        user,
    )
    await owner.execute(
        "INSERT INTO reconciliation_runs (id, status, incremental, created_at, finished_at) "
        "SELECT uuidv7(-age), 'SUCCEEDED', true, now() - age, now() - age "
        "FROM CAST('10 years' AS interval) age"
    )
    await owner.execute(
        "INSERT INTO audit_events (id, at, action, outcome, request_id) "
        "SELECT uuidv7(-age), now() - age, 'login', 'DONE', '-' "
        "FROM CAST('10 years' AS interval) age"
    )
    tables = ("idempotency_keys", "reconciliation_runs", "audit_events")
    await clean_up()
    assert [await owner.fetchval(f"SELECT count(*) FROM {table}") for table in tables] == [1, 1, 1]


async def test_it_goes_on_after_a_kill_where_it_was(database, owner, workers, eventually, message):
    await owner.execute(
        "INSERT INTO outbox (id, topic, payload, state, finished_at) "
        "SELECT uuidv7(-age), 'event.x', '{}', 'DONE', now() - age "
        "FROM generate_series(1, 2500), CAST('20 days' AS interval) age"
    )
    # The last of them: the third chunk waits while lock 42 is held.
    last = await message(11)
    await owner.execute(
        "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN OLD; END $$"
    )
    await owner.execute(
        f"CREATE TRIGGER wait_here BEFORE DELETE ON outbox FOR EACH ROW "
        f"WHEN (OLD.id = '{last}') EXECUTE FUNCTION wait_here()"
    )
    await owner.execute("SELECT pg_advisory_lock(42)")
    message_id = await database.run(lambda tx: enqueue(tx, "job.housekeeping", {}))
    process = workers.start(HOUSEKEEPING_DAYS="10")

    async def waits_in_its_third_chunk():
        return await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()"
        )

    await eventually(waits_in_its_third_chunk)
    # Each chunk was committed by itself.
    assert await owner.fetchval("SELECT count(*) FROM outbox WHERE topic = 'event.x'") == 500
    process.kill()
    await asyncio.to_thread(process.wait)
    await owner.execute("SELECT pg_advisory_unlock(42)")

    workers.start(HOUSEKEEPING_DAYS="10")

    async def is_done():
        return await left(owner) == {message_id} and await owner.fetchval(
            "SELECT state = 'DONE' FROM outbox"
        )

    await eventually(is_done)
    assert await left(owner, "inbox", "message_id") == {message_id}


async def test_its_messages_are_not_more_than_a_retention_holds(database, owner, consumer):
    """Night after night: what housekeeping itself leaves behind goes, too."""
    scheduler = Scheduler(database, ZoneInfo("UTC"), JOBS)
    await scheduler.schedule_due(datetime(2020, 1, 1, 12, tzinfo=UTC))
    for day in range(2, 6):
        await scheduler.schedule_due(datetime(2020, 1, day, 12, tzinfo=UTC))
        for message_id in await left(owner):
            await consumer.consume(message_id)
        await owner.execute(
            "UPDATE outbox SET finished_at = finished_at - interval '1 year' "
            "WHERE finished_at IS NOT NULL"
        )
    runs = await owner.fetch("SELECT job, scheduled_for FROM scheduled_runs ORDER BY 1, 2")
    assert {run["scheduled_for"].day for run in runs if run["job"].startswith("house")} == {4, 5}


async def test_the_application_may_delete_what_ends_and_nothing_else(owner):
    deletable = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace "
        "AND has_table_privilege('customer_flow_app', oid, 'DELETE')"
    )
    assert {row["relname"] for row in deletable} == {
        "inbox",
        "open_items",
        "outbox",
        "policy_rules",
        "refresh_tokens",
        "scheduled_runs",
    }
    assert not await owner.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace AND "
        "(has_table_privilege('customer_flow_read', oid, 'INSERT, UPDATE, DELETE, TRUNCATE') "
        "OR has_table_privilege('customer_flow_app', oid, 'TRUNCATE'))"
    )


async def test_the_right_to_delete_is_taken_back_with_the_migration(database_url, owner):
    question = "SELECT has_table_privilege('customer_flow_app', 'outbox', 'DELETE')"
    await asyncio.to_thread(migrate.downgrade, database_url, "0010")
    assert not await owner.fetchval(question)
    assert await owner.fetchval(
        "SELECT has_table_privilege('customer_flow_app', 'inbox', 'DELETE')"
    )
    await asyncio.to_thread(migrate.upgrade, database_url)
    assert await owner.fetchval(question)
