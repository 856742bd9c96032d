"""Messages that leave with the transaction that causes them: written beside the business rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.infra.database import Statement, Transaction

JOB_PREFIX = "job."
EVENT_PREFIX = "event."

_INSERT = Statement(
    text(
        "INSERT INTO outbox (topic, payload, send_at) VALUES "
        "(:topic, CAST(:payload AS jsonb), coalesce(CAST(:send_at AS timestamptz), now())) "
        "RETURNING id"
    )
)


async def enqueue(
    tx: Transaction, topic: str, payload: Mapping[str, Any], send_at: datetime | None = None
) -> UUID:
    """The id of a message that is sent if, and only if, this transaction commits.

    `job.<name>` is done by a worker exactly once; `event.<name>` is published at least once. The
    payload holds ids and flags that are JSON, never personal data. Not sent before `send_at`.
    """
    if not topic.startswith((JOB_PREFIX, EVENT_PREFIX)):
        raise ValueError(f"{topic} is neither a job nor an event")
    message_id: UUID = await tx.fetchval(
        _INSERT, topic=topic, payload=orjson.dumps(payload).decode(), send_at=send_at
    )
    return message_id
