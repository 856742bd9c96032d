"""The worker as a process: nothing lost, nothing twice, whatever is killed, flushed or stopped."""

import asyncio
import random
import signal

import orjson

from app.infra.broker import close_broker, open_broker
from app.jobs.actors import declare_actors
from app.services.outbox import enqueue
from app.services.reconciliation.start import open_run
from tests.jobs.worker_program import TEST_JOBS


async def consume_nowhere(_message_id):
    raise AssertionError("this process only sends")


async def send(database, topic, count=1, **payload):
    async def work(tx):
        return [await enqueue(tx, topic, payload) for _ in range(count)]

    return await database.run(work)


async def all_done(owner, ids):
    return not await owner.fetchval(
        "SELECT count(*) FROM outbox WHERE id = ANY($1::uuid[]) AND state <> 'DONE'", ids
    )


async def effects(owner):
    rows = await owner.fetch(
        "SELECT message_id, array_agg(step ORDER BY step) AS steps FROM effects GROUP BY message_id"
    )
    return {row["message_id"]: row["steps"] for row in rows}


async def inbox(owner):
    return {row["message_id"] for row in await owner.fetch("SELECT message_id FROM inbox")}


async def test_each_message_is_done_once(database, owner, workers, eventually):
    ids = await send(database, "job.count_up", 20, steps=3)
    workers.start()
    await eventually(all_done, owner, ids)
    assert await effects(owner) == {each: [1, 2, 3] for each in ids}
    assert await inbox(owner) == set(ids)
    assert await owner.fetchval("SELECT max(attempts) FROM outbox") == 1
    assert await owner.fetchval("SELECT count(*) FROM outbox WHERE finished_at IS NULL") == 0


async def test_flushing_redis_again_and_again_loses_and_doubles_nothing(
    database, owner, workers, redis_server, eventually
):
    workers.start()
    ids = await send(database, "job.count_up", 60, steps=2, seconds=0.05)
    for _ in range(20):
        redis_server.flush()
        await asyncio.sleep(random.uniform(0.0, 0.1))  # noqa: S311 - any moment will do
    await eventually(all_done, owner, ids)
    assert await effects(owner) == {each: [1, 2] for each in ids}
    assert await owner.fetchval("SELECT max(attempts) FROM outbox") == 1


async def test_a_redis_that_goes_away_and_comes_back_empty(
    database, owner, workers, redis_server, eventually
):
    workers.start()
    ids = await send(database, "job.count_up", 10, steps=2, seconds=0.05)
    redis_server.stop()
    ids += await send(database, "job.count_up", 10, steps=1)
    await asyncio.sleep(0.5)
    redis_server.start()
    await eventually(all_done, owner, ids)
    assert sorted(len(steps) for steps in (await effects(owner)).values()) == [1] * 10 + [2] * 10


async def test_killing_workers_at_random_loses_and_doubles_nothing(
    database, owner, workers, eventually
):
    ids = await send(database, "job.count_up", 40, steps=4, seconds=0.03)
    survivors = [workers.start(), workers.start()]
    for _ in range(6):
        await asyncio.sleep(random.uniform(0.3, 0.9))  # noqa: S311 - any moment will do
        victim = survivors.pop(0)
        victim.send_signal(signal.SIGKILL)
        survivors.append(workers.start())
    await eventually(all_done, owner, ids)
    assert await effects(owner) == {each: [1, 2, 3, 4] for each in ids}
    assert await inbox(owner) == set(ids)


async def test_repeated_deliveries_do_not_run_beside_the_first(
    database, owner, workers, redis_server, eventually
):
    workers.start()
    workers.start()
    (message_id,) = await send(database, "job.count_up", steps=3, seconds=0.5)
    broker = open_broker(redis_server.url)
    actors = declare_actors(broker, TEST_JOBS, consume_nowhere)

    async def is_done():
        # Again and again, as if the relay had lost its mind.
        await asyncio.to_thread(actors["job.count_up"].send, str(message_id))
        return await all_done(owner, [message_id])

    await eventually(is_done)
    close_broker(broker)
    assert await effects(owner) == {message_id: [1, 2, 3]}
    assert await owner.fetchval("SELECT attempts FROM outbox") == 1
    assert len(await owner.fetch("SELECT DISTINCT by_process FROM effects")) == 1


async def test_what_always_fails_is_dead_after_its_last_attempt(
    database, owner, workers, eventually, message_of
):
    workers.start()
    (message_id,) = await send(database, "job.always_fail")

    async def is_dead():
        return (await message_of(owner, message_id))["state"] == "DEAD"

    await eventually(is_dead)
    message = await message_of(owner, message_id)
    assert message["attempts"] == 3
    # The first line only: what follows may quote personal data.
    assert message["last_error"] == "ValueError: cannot be done"
    assert message["finished_at"] is not None
    assert await effects(owner) == {}
    assert await inbox(owner) == set()
    lines = [orjson.loads(line) for line in workers.log.splitlines() if line.startswith("{")]
    assert [line["attempt"] for line in lines if line["event"] == "job failed"] == [1, 2, 3]
    (dead,) = [line for line in lines if line["event"] == "message is dead"]
    assert (dead["level"], dead["message_id"]) == ("error", str(message_id))
    assert "somebody@example.org" not in workers.log


async def test_what_kills_its_worker_is_dead_after_its_last_attempt(
    database, owner, workers, eventually, message_of
):
    (message_id,) = await send(database, "job.end_the_process")
    for _ in range(2):
        process = workers.start()
        await asyncio.to_thread(process.wait, 60)
    workers.start()

    async def is_dead():
        return (await message_of(owner, message_id))["state"] == "DEAD"

    await eventually(is_dead)
    message = await message_of(owner, message_id)
    assert (message["attempts"], message["last_error"]) == (
        2,
        "The worker ended before the job did.",
    )
    assert await effects(owner) == {}


async def test_a_worker_that_is_told_to_stop_ends_after_the_step_at_hand(
    database, owner, workers, eventually, message_of
):
    process = workers.start()
    (message_id,) = await send(database, "job.count_up", steps=100, seconds=0.1)

    async def has_begun():
        return await owner.fetchval("SELECT count(*) FROM effects") >= 2

    await eventually(has_begun)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 30) == 0
    message = await message_of(owner, message_id)
    # Stopped on purpose: not counted, and due at once.
    assert (message["state"], message["attempts"]) == ("PENDING", 0)
    assert await owner.fetchval("SELECT send_at <= now() FROM outbox")
    steps = (await effects(owner))[message_id]
    assert steps == list(range(1, len(steps) + 1))
    assert "Traceback" not in workers.log


async def test_a_worker_that_is_told_to_stop_without_redis(
    database, owner, workers, redis_server, eventually
):
    process = workers.start()
    (message_id,) = await send(database, "job.count_up", steps=1)
    await eventually(all_done, owner, [message_id])
    redis_server.stop()
    await asyncio.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 60) == 0


async def test_a_worker_that_cannot_acknowledge_what_it_did_ends_all_the_same(
    database, owner, workers, redis_server, eventually
):
    process = workers.start()
    (message_id,) = await send(database, "job.count_up", steps=1, seconds=2.0)

    async def has_begun():
        return await owner.fetchval("SELECT attempts = 1 FROM outbox WHERE id = $1", message_id)

    await eventually(has_begun)
    redis_server.stop()
    await eventually(all_done, owner, [message_id])
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 20) == 0


async def test_a_killed_reconciliation_goes_on_where_it_was(database, owner, workers, eventually):
    customers = await owner.fetch(
        "WITH made AS (INSERT INTO customers (code, business_name, customer_type, currency, "
        "payment_terms_days) SELECT 'C-' || n, 'C', 'RETAIL', 'EUR', 30 "
        "FROM generate_series(1, 9000) n RETURNING id) "
        "INSERT INTO accounts (customer_id, currency, pending, advance, credit_limit) "
        "SELECT id, 'EUR', 0.00, 0.00, 0.00 FROM made RETURNING customer_id"
    )
    ids = sorted(row["customer_id"] for row in customers)
    wrong = [ids[0], ids[8000], ids[8999]]  # in the first and in the third step
    await owner.execute(
        "UPDATE accounts SET pending = 5.00 WHERE customer_id = ANY($1::uuid[])", wrong
    )
    run_id = await database.run(lambda tx: open_run(tx, incremental=False))
    (message_id,) = await send(database, "job.reconciliation", run_id=str(run_id))

    async def waits_in_its_third_step():
        return await owner.fetchval(
            "SELECT customers_checked = 8000 FROM reconciliation_runs"
        ) and await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()"
        )

    # The third step cannot record its finding while lock 42 is held.
    async with owner.transaction():
        await owner.execute("SET LOCAL lock_timeout = '5s'")
        await owner.execute(
            "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END $$"
        )
        await owner.execute(
            f"CREATE TRIGGER wait_here BEFORE INSERT ON drift_findings FOR EACH ROW "
            f"WHEN (NEW.customer_id = '{wrong[2]}') EXECUTE FUNCTION wait_here()"
        )
    await owner.execute("SELECT pg_advisory_lock(42)")
    process = workers.start()
    await eventually(waits_in_its_third_step)
    assert await owner.fetchval("SELECT count(*) FROM drift_findings") == 1
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    await owner.execute("SELECT pg_advisory_unlock(42)")

    workers.start()
    await eventually(all_done, owner, [message_id])
    run = await owner.fetchrow("SELECT * FROM reconciliation_runs")
    assert (run["status"], run["customers_total"]) == ("SUCCEEDED", 9000)
    assert (run["customers_checked"], run["discrepancies"]) == (9000, 3)
    found = await owner.fetch("SELECT customer_id FROM drift_findings")
    assert sorted(row["customer_id"] for row in found) == wrong
    assert await inbox(owner) == {message_id}
    assert await owner.fetchval("SELECT attempts FROM outbox WHERE id = $1", message_id) == 2
    events = await owner.fetch("SELECT FROM outbox WHERE topic = 'event.drift_found'")
    assert len(events) == 1
