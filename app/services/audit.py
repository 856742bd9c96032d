"""The audit trail: who asked for what, and what came of it. Append-only, one row per request.

`before` and `after` hold the values that changed. Free text of a caller is not copied into them
where a posting keeps it: what is erased from a row must not live on here.
Keys are names of the subject's columns: by them the planner knows which field's guard protects a
value (docs/adr/0013).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.domain.errors import DomainError
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.services.json_text import json_text

DONE = "DONE"
REPLAYED = "REPLAYED"
REFUSED = "REFUSED"

_RECORD = Statement(
    text("""
    INSERT INTO audit_events (actor_id, action, subject_type, subject_id, customer_id, outcome,
        reason, request_id, before, after, policy_version)
    VALUES (CAST(:actor_id AS uuid), :action, :subject_type, CAST(:subject_id AS uuid),
        CAST(:customer_id AS uuid), :outcome, :reason, :request_id, CAST(:before AS jsonb),
        CAST(:after AS jsonb), :policy_version)
    """)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What was acted on: a type of the contract, the row's id, and the customer it belongs to."""

    type: str
    id: UUID | None = None
    customer_id: UUID | None = None


async def record(
    tx: Transaction,
    actor: Actor,
    action: str,
    *,
    subject: Subject | None = None,
    outcome: str = DONE,
    reason: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one event. `action` is the name of the mutation or job."""
    await tx.execute(
        _RECORD,
        actor_id=actor.user_id,
        action=action,
        subject_type=subject.type if subject else None,
        subject_id=subject.id if subject else None,
        customer_id=subject.customer_id if subject else None,
        outcome=outcome,
        reason=reason,
        request_id=actor.request_id,
        before=None if before is None else json_text(before),
        after=None if after is None else json_text(after),
        policy_version=policy_version(actor),
    )


async def record_by_nobody(
    tx: Transaction, action: str, request_id: str, *, subject: Subject, after: Mapping[str, Any]
) -> None:
    """Write what somebody at the machine did, who is nobody we know and whom no policy was asked
    about.
    """
    await tx.execute(
        _RECORD,
        actor_id=None,
        action=action,
        subject_type=subject.type,
        subject_id=subject.id,
        customer_id=subject.customer_id,
        outcome=DONE,
        reason=None,
        request_id=request_id,
        before=None,
        after=json_text(after),
        policy_version=None,
    )


async def record_refusal(
    tx: Transaction,
    actor: Actor,
    action: str,
    error: DomainError,
    *,
    subject: Subject | None = None,
    count: int = 1,
) -> None:
    """Write that `action` was refused and why, in a transaction that outlives the refused one.

    `count` such refusals of one request, when there are several, are one event, with the path of
    the first. Keeps the code and the path, never the message or the input: they may hold personal
    data. Where the refusal is that the subject does not exist for this actor, leave `customer_id`
    out.
    """
    await record(
        tx,
        actor,
        action,
        subject=subject,
        outcome=REFUSED,
        reason=str(error.code),
        after={
            "code": str(error.code),
            "path": list(error.path),
            **({"count": count} if count > 1 else {}),
        },
    )


def policy_version(actor: Actor) -> str:
    """The version of the policy that the actor's grant was compiled from."""
    return str(actor.grant.version)
