"""The statements that carry an outbox row from PENDING to DONE or DEAD."""

from sqlalchemy import text

from app.infra.database import Statement

# A session lock: a killed worker's connection gives it up at once, without any timeout.
_KEY = "hashtextextended('outbox ' || CAST(CAST(:id AS uuid) AS text), 0)"
TRY_LOCK = Statement(text(f"SELECT pg_try_advisory_lock({_KEY})"))
UNLOCK = Statement(text(f"SELECT pg_advisory_unlock({_KEY})"))

LOCK_PENDING = Statement(
    text(
        "SELECT topic, CAST(payload AS text) AS payload, attempts, last_error, "
        "EXISTS (SELECT FROM inbox WHERE message_id = outbox.id "
        "AND 'job.' || consumer = outbox.topic) AS consumed "
        "FROM outbox WHERE id = :id AND state = 'PENDING' FOR UPDATE"
    )
)
COUNT_ATTEMPT = Statement(text("UPDATE outbox SET attempts = attempts + 1 WHERE id = :id"))
RECORD_INBOX = Statement(
    text("INSERT INTO inbox (message_id, consumer) VALUES (:id, CAST(:consumer AS text))")
)
MARK_DONE = Statement(
    text("UPDATE outbox SET state = 'DONE', finished_at = clock_timestamp() WHERE id = :id")
)
MARK_DEAD = Statement(
    text(
        "UPDATE outbox SET state = 'DEAD', finished_at = clock_timestamp(), "
        "last_error = CAST(:error AS text) WHERE id = :id"
    )
)
SEND_AGAIN = Statement(
    text(
        "UPDATE outbox SET last_error = CAST(:error AS text), "
        "send_at = clock_timestamp() + make_interval(secs => CAST(:wait AS float8)) WHERE id = :id"
    )
)
PUT_BACK = Statement(
    text(
        "UPDATE outbox SET attempts = attempts - 1, send_at = clock_timestamp() "
        "WHERE id = :id AND state = 'PENDING' AND attempts = CAST(:attempt AS integer)"
    )
)
