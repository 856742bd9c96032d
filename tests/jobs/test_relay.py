"""Rows reach Redis whatever the order they commit in, and again until they are done."""

import asyncio
import contextlib

import orjson
import pytest
from redis.exceptions import RedisError

from app.infra.broker import EVENTS_CHANNEL, QUEUE, close_broker, open_broker
from app.jobs import relay as relay_module
from app.jobs.actors import declare_actors
from app.jobs.outages import OUTAGES
from app.jobs.relay import Pace, Relay
from app.services.outbox import enqueue
from tests.jobs.worker_program import COUNT_UP

SLOW = Pace(poll_seconds=60, resend_first_seconds=30, resend_most_seconds=60)
EAGER = Pace(poll_seconds=60, resend_first_seconds=0, resend_most_seconds=0)


async def never(_message_id):
    raise AssertionError("no worker runs here")


@pytest.fixture
async def make_relay(database, redis_server):
    brokers = []

    def make(pace=SLOW):
        broker = open_broker(redis_server.url)
        brokers.append(broker)
        return Relay(database, broker, declare_actors(broker, [COUNT_UP], never), pace)

    yield make
    for each in brokers:
        close_broker(each)


@pytest.fixture
def queued(redis_server):
    """The ids of the messages that wait in Redis."""

    def read():
        with redis_server.client() as client:
            held = client.hvals(f"dramatiq:{QUEUE}.msgs")
        return sorted(orjson.loads(each)["args"][0] for each in held)

    return read


async def send(database, topic="job.count_up", count=1, send_at=None):
    async def work(tx):
        return [str(await enqueue(tx, topic, {"steps": 1}, send_at)) for _ in range(count)]

    return await database.run(work)


async def test_a_row_is_sent_with_its_id_only_and_counted(database, owner, make_relay, queued):
    ids = await send(database, count=3)
    assert await make_relay().relay_due() == 3
    assert queued() == sorted(ids)
    rows = await owner.fetch("SELECT state, sends, attempts, send_at > now() AS later FROM outbox")
    assert {tuple(row) for row in rows} == {("PENDING", 1, 0, True)}


async def test_a_row_that_is_not_done_is_sent_again_later_and_later(database, owner, make_relay):
    await send(database)
    waits = []
    relay = make_relay(Pace(resend_first_seconds=5, resend_most_seconds=60))
    for _ in range(6):
        await owner.execute("UPDATE outbox SET send_at = now()")
        await relay.relay_due()
        waits.append(
            await owner.fetchval("SELECT round(extract(epoch FROM send_at - now())) FROM outbox")
        )
    assert waits == [5, 10, 20, 40, 60, 60]


async def test_a_row_is_not_sent_before_its_time(database, owner, make_relay, queued):
    later = await owner.fetchval("SELECT now() + interval '1 hour'")
    await send(database, send_at=later)
    await make_relay().relay_due()
    assert queued() == []


async def test_what_commits_late_is_sent_all_the_same(database, make_relay, queued):
    relay = make_relay()
    async with database.transaction() as tx:
        early = str(await enqueue(tx, "job.count_up", {}))
        (late,) = await send(database)
        await relay.relay_due()
        assert queued() == [late]
    assert early < late
    await relay.relay_due()
    assert queued() == [early, late]


async def test_what_is_rolled_back_is_never_sent(database, make_relay, queued):
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as tx:
            await enqueue(tx, "job.count_up", {})
            raise ZeroDivisionError
    await make_relay().relay_due()
    assert queued() == []


async def test_two_relays_share_the_rows(database, owner, make_relay, queued, monkeypatch):
    monkeypatch.setattr(relay_module, "CHUNK", 7)
    ids = await send(database, count=100)
    relays = [make_relay(), make_relay()]

    async def drain(relay):
        while await relay.relay_due():
            pass

    await asyncio.gather(*(drain(each) for each in relays))
    assert queued() == sorted(ids)
    assert await owner.fetchval("SELECT max(sends) FROM outbox") == 1


async def test_redis_holds_no_more_than_its_share(database, make_relay, queued, monkeypatch):
    monkeypatch.setattr(relay_module, "MAX_QUEUED", 10)
    await send(database, count=15)
    relay = make_relay(EAGER)
    for _ in range(5):
        await relay.relay_due()
    assert len(queued()) == 10


async def test_without_redis_nothing_counts_as_sent(
    database, owner, make_relay, redis_server, queued
):
    ids = await send(database)
    relay = make_relay()
    redis_server.stop()
    with pytest.raises(RedisError):
        await relay.relay_due()
    assert tuple(await owner.fetchrow("SELECT state, sends FROM outbox")) == ("PENDING", 0)
    redis_server.start()
    await relay.relay_due()
    assert queued() == ids


async def test_an_unknown_job_is_kept_for_a_relay_that_knows_it(
    database, owner, make_relay, queued
):
    await send(database, topic="job.from_the_future")
    await make_relay().relay_due()
    assert queued() == []
    assert await owner.fetchval("SELECT state FROM outbox") == "PENDING"


async def test_events_are_published_and_done(database, owner, make_relay, redis_server):
    with redis_server.client() as client, client.pubsub() as channel:
        channel.subscribe(EVENTS_CHANNEL)
        assert next(channel.listen())["type"] == "subscribe"
        (event_id,) = await send(database, topic="event.entry_posted")
        await make_relay().relay_due()
        received = orjson.loads(next(channel.listen())["data"])
    assert received == {"id": event_id, "topic": "event.entry_posted", "payload": {"steps": 1}}
    row = await owner.fetchrow("SELECT state, finished_at IS NOT NULL AS ended FROM outbox")
    assert tuple(row) == ("DONE", True)


async def test_a_job_wakes_the_relay(database, make_relay, queued, eventually):
    stopping = asyncio.Event()
    running = asyncio.create_task(make_relay(SLOW).run(stopping))
    await asyncio.sleep(0.2)
    # The relay looks again in a minute; the notification is what it wakes up from.
    ids = await send(database)

    async def is_there():
        return queued() == ids

    await eventually(is_there, seconds=20)
    stopping.set()
    await asyncio.wait_for(running, 10)


async def test_a_relay_survives_the_loss_of_its_connections(
    database, owner, make_relay, queued, eventually
):
    stopping = asyncio.Event()
    pace = Pace(poll_seconds=0.05, failure_seconds=0.05)
    running = asyncio.create_task(make_relay(pace).run(stopping))
    await asyncio.sleep(0.2)
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'customer-flow'"
    )
    ids = await asyncio.wait_for(send_until_it_works(database), 10)

    async def is_there():
        return queued() == ids

    await eventually(is_there, seconds=20)
    stopping.set()
    await asyncio.wait_for(running, 10)


async def send_until_it_works(database):
    while True:
        try:
            return await send(database)
        except OUTAGES:
            await asyncio.sleep(0.05)


async def test_a_topic_is_a_job_or_an_event(database):
    with pytest.raises(ValueError, match="neither"):
        await send(database, topic="something.else")
