"""A scheduled time is dealt with once, however many schedulers there are."""

import asyncio
import signal
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest

from app.domain.schedule import Daily, MissedRuns
from app.infra.database import Database
from app.jobs.job import Job, Progress, Timetable
from app.jobs.registry import every_job
from app.jobs.scheduler import Scheduler

MONDAY = datetime(2026, 5, 4, 12, tzinfo=UTC)


async def nothing(_tx, _message):
    return Progress.FINISHED


async def no_payload(_tx):
    return {"from": "prepare"}


def job_with(missed):
    return Job(
        name="sample",
        description="A sample.",
        step=nothing,
        timetables=(
            Timetable(
                name="sample-daily",
                daily=Daily(at=time(2, 0)),
                prepare=no_payload,
                missed=missed,
            ),
        ),
    )


@pytest.fixture
def scheduler(database):
    return Scheduler(database, ZoneInfo("Europe/Berlin"), [job_with(MissedRuns.CATCH_UP_ONCE)])


async def runs(owner):
    return await owner.fetch(
        "SELECT scheduled_for, topic, payload FROM scheduled_runs r "
        "JOIN outbox o ON o.id = r.message_id ORDER BY scheduled_for"
    )


async def test_a_new_timetable_counts_from_when_it_is_first_seen(owner, scheduler):
    await scheduler.schedule_due(MONDAY)
    assert await runs(owner) == []
    await scheduler.schedule_due(MONDAY + timedelta(hours=11, minutes=59))
    assert await runs(owner) == []
    await scheduler.schedule_due(MONDAY + timedelta(hours=12))
    (run,) = await runs(owner)
    assert run["scheduled_for"] == datetime(2026, 5, 5, 0, tzinfo=UTC)  # 02:00 in Berlin
    assert run["topic"] == "job.sample"
    assert orjson.loads(run["payload"]) == {"from": "prepare"}


async def test_a_time_is_scheduled_once(owner, scheduler):
    await scheduler.schedule_due(MONDAY)
    for minutes in range(5):
        await scheduler.schedule_due(MONDAY + timedelta(days=1, minutes=minutes))
    assert len(await runs(owner)) == 1


async def test_two_schedulers_at_once_schedule_a_time_once(owner, database_url):
    databases = [Database(database_url, pool_size=4) for _ in range(2)]
    for each in databases:
        await each.open()
    try:
        schedulers = [
            Scheduler(each, ZoneInfo("UTC"), [job_with(MissedRuns.CATCH_UP_ONCE)])
            for each in databases
        ]
        for day in range(20):
            now = MONDAY + timedelta(days=day)
            await asyncio.gather(*(each.schedule_due(now) for each in schedulers for _ in range(3)))
    finally:
        for each in databases:
            await each.close()
    assert len(await runs(owner)) == 19
    assert await owner.fetchval("SELECT count(*) FROM outbox") == 19


async def test_missed_times_are_caught_up_once(owner, scheduler):
    await scheduler.schedule_due(MONDAY)
    await scheduler.schedule_due(MONDAY + timedelta(days=10))
    (run,) = await runs(owner)
    assert run["scheduled_for"] == datetime(2026, 5, 14, 0, tzinfo=UTC)


async def test_missed_times_are_skipped_where_the_policy_says_so(owner, database):
    scheduler = Scheduler(database, ZoneInfo("UTC"), [job_with(MissedRuns.SKIP)])
    await scheduler.schedule_due(MONDAY)
    await scheduler.schedule_due(MONDAY + timedelta(days=1))
    assert await runs(owner) == []
    assert await owner.fetchval("SELECT count(*) FROM scheduled_runs") == 2
    await scheduler.schedule_due(datetime(2026, 5, 6, 2, 10, tzinfo=UTC))
    (run,) = await runs(owner)
    assert run["scheduled_for"] == datetime(2026, 5, 6, 2, tzinfo=UTC)


async def test_the_night_of_a_changed_clock_runs_once(owner, scheduler):
    # Backwards: 02:00 occurs only after the change, 02:30 would occur twice. Forwards: no 02:00.
    for first in (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2027, 3, 27, 12, tzinfo=UTC)):
        await owner.execute("DELETE FROM scheduled_runs")
        await scheduler.schedule_due(first)
        for minutes in range(0, 24 * 60, 15):
            await scheduler.schedule_due(first + timedelta(minutes=minutes))
        assert len(await runs(owner)) == 1


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=3650)], ids=str)
async def test_one_reading_of_a_clock_that_is_ahead_stops_nothing(owner, scheduler, ahead):
    await scheduler.schedule_due(MONDAY)
    await scheduler.schedule_due(MONDAY + ahead)
    nights = [datetime(2026, 5, day, 0, tzinfo=UTC) for day in range(5, 12)]
    for night in nights:
        await scheduler.schedule_due(night + timedelta(hours=10))
    done = [run["scheduled_for"] for run in await runs(owner)]
    assert [each for each in done if each < MONDAY + timedelta(days=8)] == nights


async def test_what_was_missed_before_a_clock_was_ahead_is_caught_up_once(owner, scheduler):
    await scheduler.schedule_due(MONDAY)
    await scheduler.schedule_due(MONDAY + timedelta(days=3650))
    for minutes in range(5):
        await scheduler.schedule_due(MONDAY + timedelta(days=10, minutes=minutes))
    caught_up, wrong = await runs(owner)
    assert caught_up["scheduled_for"] == datetime(2026, 5, 14, 0, tzinfo=UTC)
    assert wrong["scheduled_for"].year == 2036


async def test_a_clock_that_goes_back_by_an_hour_repeats_nothing(owner, scheduler):
    await scheduler.schedule_due(MONDAY)
    night = datetime(2026, 5, 5, 0, tzinfo=UTC)  # 02:00 in Berlin
    for minutes in (30, -30, -1, 0, 30):
        await scheduler.schedule_due(night + timedelta(minutes=minutes))
    assert len(await runs(owner)) == 1


async def test_nothing_is_scheduled_for_after_postgresqls_now(owner, database, eventually):
    stopping = asyncio.Event()
    scheduler = Scheduler(database, ZoneInfo("UTC"), every_job(housekeeping_days=30))
    running = asyncio.create_task(scheduler.run(stopping))

    async def has_looked():
        return await owner.fetchval("SELECT count(*) FROM scheduled_runs") == 3

    await eventually(has_looked)
    stopping.set()
    await running
    assert await owner.fetchval("SELECT bool_and(scheduled_for <= now()) FROM scheduled_runs")


async def test_a_time_that_a_wrong_clock_dealt_with_is_due_when_it_comes(
    owner, workers, eventually
):
    ran = (
        "WITH message AS ("
        "INSERT INTO outbox (topic, payload, state) VALUES ('job.x', '{}', 'DONE') RETURNING id) "
        "INSERT INTO scheduled_runs (job, scheduled_for, message_id) "
        "SELECT $1, now() + CAST($2 AS interval), id FROM message"
    )
    names = ("reconciliation-nightly", "reconciliation-weekly", "housekeeping-nightly")
    for name in names:
        for after in (timedelta(days=-20), timedelta(hours=5), timedelta(days=3650)):
            await owner.execute(ran, name, after)
    # So little early, it is done: a clock that goes back by an hour repeats nothing.
    await owner.execute(ran, "sample", timedelta(minutes=59))
    for _ in range(2):
        workers.start("scheduler")

    async def have_caught_up():
        return await owner.fetchval("SELECT count(*) FROM outbox WHERE state = 'PENDING'") == 3

    await eventually(have_caught_up)
    ahead = await owner.fetch("SELECT job FROM scheduled_runs WHERE scheduled_for > now()")
    assert [row["job"] for row in ahead] == ["sample"]
    logged = [orjson.loads(line) for line in workers.log.splitlines() if '"warning"' in line]
    # The tests' own log-in owns the tables, which is told, too.
    (warned,) = [each for each in logged if each["event"] != "more rights than are needed"]
    assert (warned["event"], warned["times"]) == (
        "times of the future had been dealt with: a clock is or was wrong",
        6,
    )


async def test_reconciliation_and_housekeeping_are_due_every_night(owner, database):
    scheduler = Scheduler(database, ZoneInfo("UTC"), every_job(housekeeping_days=30))
    await scheduler.schedule_due(MONDAY)
    for day in range(1, 8):
        await scheduler.schedule_due(MONDAY + timedelta(days=day))
    opened = await owner.fetch("SELECT id, incremental FROM reconciliation_runs ORDER BY id")
    # Tuesday to Saturday what changed, on Sunday everything, on Monday what changed.
    assert [run["incremental"] for run in opened] == [True] * 5 + [False, True]
    messages = await owner.fetch("SELECT topic, payload FROM outbox ORDER BY id")
    payloads = {
        topic: [orjson.loads(row["payload"]) for row in messages if row["topic"] == topic]
        for topic in {row["topic"] for row in messages}
    }
    assert payloads == {
        "job.reconciliation": [{"run_id": str(run["id"])} for run in opened],
        "job.housekeeping": [{}] * 7,
    }


async def test_the_process_ends_when_told_to(owner, workers, eventually):
    process = workers.start("scheduler")

    async def has_looked():
        return await owner.fetchval("SELECT count(*) FROM scheduled_runs") == 3

    await eventually(has_looked)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 60) == 0
    assert "Traceback" not in workers.log
