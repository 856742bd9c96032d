"""The scheduler: at its time, a scheduled run becomes a row and a message, in one transaction.

`(timetable, scheduled time)` is the row's key, so any number of schedulers may run: one inserts,
the others wait for it and find the row there. A row without a message is a time that was skipped,
or the moment from which a new timetable counts. PostgreSQL says what time it is, so that all of
them agree; rows of its future count for nothing.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import text

from app.domain.schedule import due, next_after
from app.infra.database import Database, Statement, Transaction
from app.jobs import metrics
from app.jobs.job import Job, Timetable
from app.jobs.outages import OUTAGES
from app.services import outbox

# Often enough that a changed system clock is noticed.
LONGEST_SLEEP = timedelta(seconds=30)
FAILURE_SLEEP = timedelta(seconds=5)
# A time dealt with so little early is dealt with: clocks are set back by hand, or by an hour.
EARLY = timedelta(hours=1)

log = structlog.get_logger(__name__)

# Only a wrong clock deals with times before they come, and left there they would pass for done when
# they do. What it has queued stays queued: a run more than needed harms nothing.
_FORGET = Statement(
    text(
        "WITH forgotten AS (DELETE FROM scheduled_runs "
        "WHERE scheduled_for > now() + CAST(:early AS interval) RETURNING scheduled_for) "
        "SELECT now() AS now, count(*) AS times, max(scheduled_for) AS latest FROM forgotten"
    )
)
_LAST = Statement(
    text(
        "SELECT max(scheduled_for) FROM scheduled_runs WHERE job = CAST(:timetable AS text) "
        "AND scheduled_for <= CAST(:now AS timestamptz)"
    )
)
_INSERT = Statement(
    text(
        "INSERT INTO scheduled_runs (job, scheduled_for) "
        "VALUES (CAST(:timetable AS text), CAST(:scheduled_for AS timestamptz)) "
        "ON CONFLICT DO NOTHING RETURNING true"
    )
)
_ATTACH = Statement(
    text(
        "UPDATE scheduled_runs SET message_id = CAST(:message_id AS uuid) "
        "WHERE job = CAST(:timetable AS text) "
        "AND scheduled_for = CAST(:scheduled_for AS timestamptz)"
    )
)


class Scheduler:
    """Looks at every timetable until told to stop."""

    def __init__(self, database: Database, zone: ZoneInfo, jobs: Iterable[Job]) -> None:
        self._database = database
        self._zone = zone
        self._timetables = [(job, each) for job in jobs for each in job.timetables]

    async def run(self, stopping: asyncio.Event) -> None:
        """Schedule until `stopping` is set. PostgreSQL away: log, wait, go on."""
        while not stopping.is_set():
            try:
                now = await self.forget_the_future()
                await self.schedule_due(now)
                pause = min(self._next(now) - now, LONGEST_SLEEP)
            except OUTAGES:
                log.exception("scheduling failed, trying again")
                pause = FAILURE_SLEEP
            try:
                await asyncio.wait_for(stopping.wait(), max(pause.total_seconds(), 0.0))
            except TimeoutError:
                continue

    async def forget_the_future(self) -> datetime:
        """Delete the rows of times to come, with one warning among all; returns PostgreSQL's time.

        If it is the clock that is behind now, each timetable runs once more when it is right again.
        """
        found = await self._database.run(lambda tx: tx.fetchrow(_FORGET, early=EARLY))
        assert found is not None, "an aggregate without groups has one row"
        now: datetime = found["now"]
        if found["times"]:
            log.warning(
                "times of the future had been dealt with: a clock is or was wrong",
                times=found["times"],
                latest=found["latest"].isoformat(),
                now=now.isoformat(),
            )
        return now

    async def schedule_due(self, now: datetime) -> None:
        """Deal with every timetable's latest time up to `now`, once among all schedulers."""
        for job, timetable in self._timetables:
            await self._database.run(partial(self._deal, job, timetable, now))

    async def _deal(self, job: Job, timetable: Timetable, now: datetime, tx: Transaction) -> None:
        last: datetime | None = await tx.fetchval(_LAST, timetable=timetable.name, now=now)
        if last is None:
            # Never seen before: what it would have missed until now was not missed.
            await tx.fetchval(_INSERT, timetable=timetable.name, scheduled_for=now)
            return
        found = due(
            timetable.daily,
            self._zone,
            after=last,
            now=now,
            missed=timetable.missed,
            grace=timetable.grace,
        )
        if found is None:
            return
        at = found.scheduled_for
        if not await tx.fetchval(_INSERT, timetable=timetable.name, scheduled_for=at):
            return
        if found.runs:
            payload = await timetable.prepare(tx)
            message_id = await outbox.enqueue(tx, job.topic, payload)
            await tx.execute(
                _ATTACH, timetable=timetable.name, scheduled_for=at, message_id=message_id
            )
        outcome = "queued" if found.runs else "skipped"
        metrics.SCHEDULED.labels(timetable.name, outcome).inc()
        log.info("scheduled time", timetable=timetable.name, at=at.isoformat(), outcome=outcome)

    def _next(self, now: datetime) -> datetime:
        return min(
            (next_after(each.daily, self._zone, now) for _, each in self._timetables),
            default=now + LONGEST_SLEEP,
        )
