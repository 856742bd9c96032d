"""Housekeeping: what is finished and past its time is deleted, a chunk of each kind a step.

What stays, however old: the ledger, the audit trail, reconciliation runs and their findings, which
are evidence; dead letters, until somebody has dealt with them; idempotency keys, because a request
that is sent again must be recognised for good.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from sqlalchemy import text

from app.infra.database import Statement, Transaction
from app.jobs.job import Message, Progress, Step

CHUNK = 1000

log = structlog.get_logger(__name__)

# Ids are ordered by the time of their making, and nothing ends before it was made: the primary key
# leads to the oldest rows and past none that are too young, so that no index of times is needed.
# Rows that somebody holds are passed by: they are there tomorrow, and nobody has to wait.
_OLD = """
    id < (SELECT uuidv7(make_interval(days => -CAST(:days AS integer))))
    AND {ended} < now() - make_interval(days => CAST(:days AS integer))
"""

# What is still pointed at: the last time a timetable was dealt with, from which the scheduler goes
# on, and the last that succeeded, which monitoring asks for. A run whose message is dead keeps it
# company.
_RUNS = """
WITH past AS (
    SELECT run.job, run.scheduled_for
    FROM scheduled_runs run LEFT JOIN outbox message ON message.id = run.message_id
    WHERE run.scheduled_for < now() - make_interval(days => CAST(:days AS integer))
        AND (run.message_id IS NULL OR message.state = 'DONE')
        AND EXISTS (
            SELECT FROM scheduled_runs later JOIN outbox done ON done.id = later.message_id
            WHERE later.job = run.job AND later.scheduled_for > run.scheduled_for
                AND done.state = 'DONE'
        )
    ORDER BY run.job, run.scheduled_for LIMIT CAST(:size AS integer)
    FOR UPDATE OF run SKIP LOCKED
), deleted AS (
    DELETE FROM scheduled_runs run USING past
    WHERE run.job = past.job AND run.scheduled_for = past.scheduled_for RETURNING 1
)
SELECT count(*) FROM deleted
"""

# For how long a message may be delivered once more has no bound. The relay is done with it when it
# is DONE, but copies that it sent before wait in Redis for as long as no worker takes them; what a
# killed worker had taken goes back to the queue, whenever that is; what Redis restores from disk is
# delivered again; and a person may set a row back to PENDING. So an inbox row is never deleted for
# its own age. It goes with its outbox row, in one statement: without an outbox row a delivery is
# nothing (`rows.LOCK_PENDING`), and as long as there is one, the inbox knows that it was done.
_MESSAGES = """
WITH past AS (
    SELECT id FROM outbox
    WHERE {old} AND state = 'DONE'
        AND NOT EXISTS (SELECT FROM scheduled_runs WHERE message_id = outbox.id)
    ORDER BY id LIMIT CAST(:size AS integer) FOR UPDATE SKIP LOCKED
), recognised AS (
    DELETE FROM inbox USING past WHERE inbox.message_id = past.id
), deleted AS (
    DELETE FROM outbox USING past WHERE outbox.id = past.id RETURNING 1
)
SELECT count(*) FROM deleted
"""

# Counted from when the token expired: until then, and for these days after, one that is used a
# second time still ends its family. A token that nobody knows any more is refused all the same.
_TOKENS = """
WITH past AS (
    SELECT id FROM refresh_tokens WHERE {old}
    ORDER BY id LIMIT CAST(:size AS integer) FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM refresh_tokens USING past WHERE refresh_tokens.id = past.id RETURNING 1
)
SELECT count(*) FROM deleted
"""

# Runs before the messages that they point at.
_KINDS = {
    "scheduled_runs": Statement(text(_RUNS)),
    "messages": Statement(text(_MESSAGES.format(old=_OLD.format(ended="finished_at")))),
    "refresh_tokens": Statement(text(_TOKENS.format(old=_OLD.format(ended="expires_at")))),
}


def clean_up_after(days: int) -> Step:
    """The step that deletes the next chunk of what ended more than so many days ago."""
    return partial(_delete_next_chunk, days)


async def prepare_nothing(_tx: Transaction) -> Mapping[str, Any]:
    """What there is to do is found when it is done."""
    return {}


async def _delete_next_chunk(days: int, tx: Transaction, message: Message) -> Progress:
    await tx.plan_by_values()
    deleted = {
        kind: await tx.fetchval(statement, days=days, size=CHUNK)
        for kind, statement in _KINDS.items()
    }
    if any(deleted.values()):
        log.info("finished work deleted", message_id=str(message.id), **deleted)
    return Progress.MORE if max(deleted.values()) >= CHUNK else Progress.FINISHED
