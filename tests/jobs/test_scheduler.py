"""A scheduled time is dealt with once, however many schedulers there are."""

import asyncio
import signal
from datetime import UTC, datetime, time, timedelta

import orjson
import pytest

from app.domain.schedule import Daily, MissedRuns
from app.infra.clock import Clock
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
    return Scheduler(database, Clock("Europe/Berlin"), [job_with(MissedRuns.CATCH_UP_ONCE)])


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
            Scheduler(each, Clock("UTC"), [job_with(MissedRuns.CATCH_UP_ONCE)])
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
    scheduler = Scheduler(database, Clock("UTC"), [job_with(MissedRuns.SKIP)])
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


async def test_reconciliation_and_housekeeping_are_due_every_night(owner, database):
    scheduler = Scheduler(database, Clock("UTC"), every_job(housekeeping_days=30))
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
