"""What PostgreSQL knows of the background, looked up whenever somebody asks for the metrics.

Worker and scheduler tell the same: it is the database's, not the process's.
"""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from sqlalchemy import text

from app.infra.database import Database, Row, Statement
from app.jobs import metrics
from app.jobs.job import Job
from app.jobs.outages import OUTAGES

READ_SECONDS = 3.0
UNKNOWN = math.nan
"""No comparison with it holds: an outage neither raises an alert by these figures nor hides one."""

log = structlog.get_logger(__name__)

# What is to be sent later is nobody's backlog yet. Once it has been sent, `send_at` is only the
# time of the next repetition.
_MESSAGES = Statement(
    text("""
    SELECT count(*) AS backlog,
        CAST(coalesce(extract(epoch FROM now() - min(due)), 0) AS float8) AS oldest_seconds,
        (SELECT count(*) FROM outbox WHERE state = 'DEAD') AS dead
    FROM (
        SELECT CASE WHEN sends = 0 THEN send_at ELSE created_at END AS due
        FROM outbox WHERE state = 'PENDING'
    ) AS pending
    WHERE due <= now()
    """)
)
# A success in the future is a wrong clock's: it would hide every failure until then.
_SUCCESSES = Statement(
    text("""
    SELECT run.job AS timetable, CAST(extract(epoch FROM max(message.finished_at)) AS float8) AS at
    FROM scheduled_runs run JOIN outbox message ON message.id = run.message_id
    WHERE message.state = 'DONE' AND message.finished_at <= now() GROUP BY run.job
    """)
)
_FINDINGS = Statement(
    text("""
    SELECT count(*) AS open,
        CAST(coalesce(extract(epoch FROM now() - min(detected_at)), 0) AS float8) AS oldest_seconds
    FROM drift_findings WHERE status = 'OPEN'
    """)
)
# Each by an end of an index, however many runs there have been.
_RUNS = Statement(
    text("""
    SELECT incremental, status, CAST(coalesce(extract(epoch FROM (
            SELECT max(finished_at) FROM reconciliation_runs run
            WHERE run.incremental = kind.incremental AND run.status = outcome.status
                AND run.customer_ids IS NULL
        )), 0) AS float8) AS at
    FROM (VALUES (true), (false)) AS kind (incremental),
        (VALUES ('SUCCEEDED'), ('FAILED')) AS outcome (status)
    """)
)
_PROOF = Statement(
    text("""
    SELECT CAST(extract(epoch FROM started_at) AS float8) FROM reconciliation_runs
    WHERE NOT incremental AND status = 'SUCCEEDED' AND customer_ids IS NULL AND discrepancies = 0
    ORDER BY finished_at DESC LIMIT 1
    """)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reconciled:
    """What is known of reconciliation: findings, when runs ended, when the last proof began."""

    findings: Row
    runs: list[Row]
    proof: float


class Figures:
    """Sets the gauges that stand for rows."""

    def __init__(self, database: Database, jobs: Iterable[Job]) -> None:
        self._database = database
        self._timetables = [each.name for job in jobs for each in job.timetables]

    async def read(self) -> None:
        """Bring the gauges up to date; without PostgreSQL they become unknown."""
        try:
            async with asyncio.timeout(READ_SECONDS), self._database.transaction() as tx:
                messages = await tx.fetchrow(_MESSAGES)
                successes = await tx.fetch(_SUCCESSES)
                findings = await tx.fetchrow(_FINDINGS)
                runs = await tx.fetch(_RUNS)
                proof = await tx.fetchval(_PROOF)
        except OUTAGES as error:  # a TimeoutError is an OSError
            log.warning("the figures of the background are unknown", reason=type(error).__name__)
            self._show({"backlog": UNKNOWN, "oldest_seconds": UNKNOWN, "dead": UNKNOWN}, None)
            _show_reconciled(_NOTHING_KNOWN)
            return
        assert messages is not None, "an aggregate without groups has one row"
        assert findings is not None, "an aggregate without groups has one row"
        self._show(messages, successes)
        _show_reconciled(_Reconciled(findings=findings, runs=runs, proof=proof or 0.0))

    def _show(self, messages: Row, successes: list[Row] | None) -> None:
        metrics.BACKLOG.set(messages["backlog"])
        metrics.OLDEST_SECONDS.set(messages["oldest_seconds"])
        metrics.DEAD_LETTERS.set(messages["dead"])
        times = {row["timetable"]: row["at"] for row in successes or ()}
        never = UNKNOWN if successes is None else 0.0
        for timetable in self._timetables:
            metrics.LAST_SUCCESS.labels(timetable).set(times.get(timetable, never))


_NOTHING_KNOWN = _Reconciled(
    findings={"open": UNKNOWN, "oldest_seconds": UNKNOWN},
    runs=[
        {"incremental": incremental, "status": status, "at": UNKNOWN}
        for incremental in (True, False)
        for status in ("SUCCEEDED", "FAILED")
    ],
    proof=UNKNOWN,
)


def _show_reconciled(known: _Reconciled) -> None:
    metrics.OPEN_FINDINGS.set(known.findings["open"])
    metrics.OLDEST_FINDING_SECONDS.set(known.findings["oldest_seconds"])
    for run in known.runs:
        kind = "incremental" if run["incremental"] else "full"
        metrics.LAST_RUN.labels(kind, run["status"].lower()).set(run["at"])
    metrics.LAST_PROOF.set(known.proof)
