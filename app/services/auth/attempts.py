"""The audit trail of log-ins and refreshes: who came in, and who was refused.

Apart from `services/audit.py` because nobody is signed in yet: `actor_id` stays empty until the
caller has proved who they are; `subject_id` is the user whose account was tried, if there is one.
"""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from app.infra.database import Statement, Transaction

LOG_IN = "login"
REFRESH = "refreshToken"
LOG_OUT = "logout"
TOKEN_COMMAND = "token"  # noqa: S105 - a command


class Refused(StrEnum):
    """Why somebody was not let in: for the trail and the log, never for the caller."""

    UNKNOWN_USER = "UNKNOWN_USER"
    INACTIVE_USER = "INACTIVE_USER"
    WRONG_PASSWORD = "WRONG_PASSWORD"  # noqa: S105 - a reason
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    NOT_ALLOWED = "NOT_ALLOWED"
    UNKNOWN_TOKEN = "UNKNOWN_TOKEN"  # noqa: S105 - a reason
    EXPIRED_TOKEN = "EXPIRED_TOKEN"  # noqa: S105 - a reason
    REVOKED_TOKEN = "REVOKED_TOKEN"  # noqa: S105 - a reason
    REUSED_TOKEN = "REUSED_TOKEN"  # noqa: S105 - a reason


RECORD = Statement(
    text("""
    INSERT INTO audit_events
        (actor_id, action, subject_type, subject_id, outcome, reason, request_id)
    VALUES (
        CAST(:actor_id AS uuid), CAST(:action AS text),
        CASE WHEN CAST(:user_id AS uuid) IS NOT NULL THEN 'User' END, CAST(:user_id AS uuid),
        CAST(:outcome AS text), CAST(:reason AS text), CAST(:request_id AS text)
    )
    """)
)


async def record_success(tx: Transaction, action: str, user_id: UUID, request_id: str) -> None:
    """The user proved who they are."""
    await tx.execute(
        RECORD,
        actor_id=user_id,
        action=action,
        user_id=user_id,
        outcome="DONE",
        reason=None,
        request_id=request_id,
    )


async def record_token_made(tx: Transaction, user_id: UUID, request_id: str) -> None:
    """Somebody at the machine, who is nobody we know, made a token for this user."""
    await tx.execute(
        RECORD,
        actor_id=None,
        action=TOKEN_COMMAND,
        user_id=user_id,
        outcome="DONE",
        reason=None,
        request_id=request_id,
    )


async def record_refusal(
    tx: Transaction, action: str, reason: Refused, user_id: UUID | None, request_id: str
) -> None:
    """Somebody was refused; `user_id` is whose account they tried, not who they are."""
    await tx.execute(
        RECORD,
        actor_id=None,
        action=action,
        user_id=user_id,
        outcome="REFUSED",
        reason=str(reason),
        request_id=request_id,
    )
