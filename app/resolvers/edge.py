"""The edge of writes: one mutation, one transaction, committed here and nowhere else.

The payload is read inside the transaction, so it shows exactly what was written; the statement
that reads it also compares the viewer's stamp, so a right that was taken away meanwhile undoes
everything.
`dryRun` rolls back after that. A refusal rolls back first and is audited on its own when all
of the request is done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

import orjson
from strawberry import UNSET
from strawberry.types import Info

from app.domain import global_id, text
from app.domain.errors import DomainError, Invalid
from app.infra.admission import Share
from app.infra.database import Rollback, Transaction
from app.planner.plans import Answer, Plan, Stale
from app.policies.actor import Actor
from app.resolvers.context import Context, Refusals
from app.resolvers.reading import MAX_ATTEMPTS, note, plan_selection, run, selected_under
from app.schema.types.inputs import Meta
from app.schema.types.payloads import UserError
from app.schema.types.scalars import Json
from app.services import audit

# The payload is read with the posting's locks held: nobody may hold them for a report.
PAYLOAD_SECONDS = 5.0

P = TypeVar("P")
Keys = Mapping[str, Any]
Work = Callable[[Transaction, Actor], Awaitable[Keys]]
"""Calls one service and returns the keys of what it wrote, by the names that the payload binds."""


async def carry_out(
    info: Info[Context, None],
    payload: type[P],
    meta: Meta | None,
    work: Work,
    *,
    about: str | None = None,
    may_change_actor: bool = False,
) -> P:
    """The payload's finished JSON, or a payload object that says why not.

    `payload` is the mutation's payload type; refused, it is made with nothing but its errors. The
    finished JSON stands in for an object of that type: the executor passes it on whole.

    `about` is an id in the input that names the customer, if one does: with the user it says whose
    share of the connections this takes.

    With `may_change_actor` the payload is for the actor as the work has made them, and so is
    whatever follows in the request: their token may have been made for who they were.
    """
    context = info.context
    dry_run, mutation_id = _meta(meta)
    place, selection_sets = selected_under(info, whole_field=False)
    type_name = payload.__name__

    async def planned(actor: Actor) -> Plan:
        return await plan_selection(context, place, type_name, selection_sets, actor)

    async def attempt(tx: Transaction, actor: Actor, plan: Plan) -> tuple[Answer, Actor]:
        text.opaque(mutation_id, "meta", "clientMutationId")
        keys = await work(tx, actor)
        if may_change_actor:
            actor = await _changed(context, tx, actor)
            plan = await planned(actor)
        extra = {"user_errors": "[]", "client_mutation_id": mutation_id, **keys}
        answer = await _read_in_time(run(plan, tx.connection, context, actor, extra))
        if dry_run:
            # What would be refused at commit is refused here: nothing is left unchecked.
            await tx.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            raise Rollback((answer, context.signed_in()))
        return answer, actor

    for _ in range(MAX_ATTEMPTS):
        try:
            # Before any connection is taken and anything locked: a payload may be long in planning.
            actor = context.signed_in()
            plan = await planned(actor)
            answer, context.actor = await context.program.database.run(
                partial(attempt, actor=actor, plan=plan), *_shares(context, about)
            )
        except Stale:
            context.actor = await context.actor_now()
            continue
        except DomainError as error:
            if await context.renew_if_stale():
                continue  # refused, perhaps, by rules that hold no more
            _note_refusal(context, info.field_name, error)
            return refused(payload, error, mutation_id)
        note(context, answer)
        return cast("P", orjson.Fragment(answer.json))
    raise RuntimeError("the viewer or the policy changes faster than one mutation runs")


async def record_refusals(context: Context) -> None:
    """Write what was refused in this request into the trail, what was refused alike as one event:
    nobody can fill the trail, from which nothing is ever deleted, with one request.
    """
    if not context.refusals:
        return
    refusals = tuple(context.refusals.values())
    context.refusals.clear()

    async def record(tx: Transaction) -> None:
        for each in refusals:
            await audit.record_refusal(tx, each.actor, each.action, each.error, count=each.count)

    await context.program.database.run(record)


def _shares(context: Context, about: str | None) -> tuple[Share, ...]:
    database = context.program.database
    of_user = database.share_of_user(context.signed_in().user_id)
    customer_id = None if about is None else global_id.customer_named_by(about)
    return (of_user,) if customer_id is None else (of_user, database.share_of_customer(customer_id))


def refused(payload: type[P], error: DomainError, mutation_id: str | None = None) -> P:
    """The payload of a refused mutation."""
    made = _EMPTY.get(payload)
    if made is None:
        names = payload.__dataclass_fields__  # type: ignore[attr-defined] # a Strawberry type
        made = _EMPTY[payload] = {name: _NOTHING.get(name) for name in names}
    values = dict(made, user_errors=[user_error(error)])
    if "client_mutation_id" in values:
        values["client_mutation_id"] = mutation_id
    return payload(**values)


def user_error(error: DomainError) -> UserError:
    """The one place where a refusal becomes part of an answer."""
    return UserError(
        code=error.code,
        message=error.message,
        path=list(error.path),
        details=Json(dict(error.details)) if error.details is not None else None,
    )


def text_or_none(value: Any) -> Any:
    """What an input left out is absent: null and not given mean the same here."""
    return None if value is UNSET else value


_NOTHING: dict[str, Any] = {"allocations": (), "periods": (), "replayed": False}
_EMPTY: dict[Any, dict[str, Any]] = {}


async def _changed(context: Context, tx: Transaction, actor: Actor) -> Actor:
    changed = await context.program.viewers.changed(tx, actor)
    if changed is None:
        raise Stale
    return changed


async def _read_in_time(reading: Awaitable[Answer]) -> Answer:
    """Raises VALIDATION, which undoes the mutation, when it takes too long."""
    try:
        async with asyncio.timeout(PAYLOAD_SECONDS):
            return await reading
    except TimeoutError:
        message = "What is selected of the payload takes too long to read: select less."
        raise Invalid(message) from None


def _meta(meta: Meta | None) -> tuple[bool, str | None]:
    if not meta:
        return False, None
    return bool(meta.dry_run), text_or_none(meta.client_mutation_id)


def _note_refusal(context: Context, action: str, error: DomainError) -> None:
    alike = Refusals(actor=context.signed_in(), action=action, error=error)
    context.refusals.setdefault((action, error.code), alike).count += 1
