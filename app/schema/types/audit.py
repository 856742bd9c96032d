"""The audit trail of a customer."""

from datetime import datetime

import strawberry

from app.models import audit_events, users
from app.schema.types.declaration import (
    Kind,
    One,
    Owner,
    Source,
    declare,
    leaf,
    planned_type,
)
from app.schema.types.node import Node
from app.schema.types.people import User
from app.schema.types.scalars import Json

_EVENTS = audit_events.c


@strawberry.type(description="Who asked for what, and what came of it.")
@planned_type(
    Source(
        table=audit_events,
        owner=Owner.CUSTOMER,
        customer_id=_EVENTS.customer_id,
        key=(_EVENTS.customer_id, _EVENTS.id),
    )
)
class AuditEvent(Node):
    """A row of `audit_events` about a customer."""

    at: datetime = leaf(_EVENTS.at, Kind.INSTANT)
    actor: User | None = declare(
        One(link=lambda event, user: user[users.c.id] == event[_EVENTS.actor_id])
    )
    action: str = leaf(_EVENTS.action)
    outcome: str = leaf(_EVENTS.outcome)
    reason: str | None = leaf(_EVENTS.reason, guard="audit.content")
    request_id: str = leaf(_EVENTS.request_id)
    before: Json | None = leaf(
        _EVENTS.before, Kind.JSON, guard="audit.content", subject=_EVENTS.subject_type
    )
    after: Json | None = leaf(
        _EVENTS.after, Kind.JSON, guard="audit.content", subject=_EVENTS.subject_type
    )
    policy_version: str | None = leaf(_EVENTS.policy_version)
