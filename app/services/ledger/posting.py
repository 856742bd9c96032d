"""The posting engine: drafts in, one atomic posting out. The only way into the sub-ledger.

Lock, read, decide, write: three statements however many drafts. The caller opens the transaction
and commits it; whatever is refused raises and leaves nothing when the caller rolls back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.domain.customer import CustomerStatus, require_in_use
from app.domain.decision import decide
from app.domain.drafts import AllocationDraft, Draft, EntryDraft, UndoDraft
from app.domain.errors import Forbidden, NotFound
from app.domain.facts import Decision, Facts
from app.domain.periods import Calendar
from app.domain.subledger import SubLedger
from app.infra.database import Transaction
from app.policies.actor import Actor
from app.services import audit
from app.services.idempotency import checked_key, require_same
from app.services.json_text import json_text
from app.services.ledger.locking import Locked, lock
from app.services.ledger.read_statement import Scopes
from app.services.ledger.reading import CustomerRow, EarlierRequest, Read, read
from app.services.ledger.writing import write


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """The key of a row that belongs to a customer."""

    customer_id: UUID
    id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Posted:
    """What a posting wrote, by key, in the order of its drafts, or what an earlier request did."""

    entries: tuple[Owned, ...]
    allocations: tuple[Owned, ...]
    replayed: bool

    @property
    def customer_id(self) -> UUID:
        """The customer of the first thing written: of all of it, unless it was a batch."""
        return (self.entries or self.allocations)[0].customer_id

    @property
    def entry_ids(self) -> tuple[UUID, ...]:
        """The new entries."""
        return tuple(each.id for each in self.entries)

    @property
    def allocation_ids(self) -> tuple[UUID, ...]:
        """The new allocations and counter-allocations."""
        return tuple(each.id for each in self.allocations)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Drafts to post under one idempotency key. `mutations` must all allow each customer."""

    operation: str
    mutations: tuple[str, ...]
    key: str
    input_hash: bytes
    drafts: tuple[Draft, ...]


async def post(tx: Transaction, actor: Actor, request: Request) -> Posted:
    """Post all drafts or none.

    Raises, in this order: Invalid (key), IdempotencyConflict, NotFound and Forbidden (customer),
    CUSTOMER_DELETED / CUSTOMER_MERGED / INVALID_STATE, then what `decide` refuses. A replay is
    authorised anew against the customers of its drafts.
    """
    key = checked_key(request.key)
    scopes = _scopes(actor, request)
    locked = await lock(
        tx,
        actor,
        scopes.rows,
        key=key,
        operation=request.operation,
        input_hash=request.input_hash,
        customer_ids=list({draft.customer_id for draft in request.drafts}),
    )
    facts = await read(tx, actor, scopes, request.drafts, key=key, key_is_new=locked.key_is_new)
    if not locked.key_is_new:
        return await _replay(tx, actor, request, locked, facts)
    _authorise(request, locked, facts.customers)
    for draft in request.drafts:
        status = CustomerStatus(facts.customers[draft.customer_id].status)
        require_in_use(status, *_subject_path(draft))
    ledgers = {
        customer_id: SubLedger(
            account, facts.known.get(customer_id, ()), facts.booked.get(customer_id)
        )
        for customer_id, account in locked.accounts.items()
    }
    decision = decide(request.drafts, _facts(facts, ledgers))
    posted = _posted(decision)
    await write(
        tx,
        actor,
        decision,
        list(ledgers.values()),
        operation=request.operation,
        key=key,
        result=_result(posted),
    )
    return posted


async def _replay(
    tx: Transaction, actor: Actor, request: Request, locked: Locked, facts: Read
) -> Posted:
    earlier: EarlierRequest | None = facts.earlier
    if earlier is None:
        raise AssertionError("a key that is taken was committed with its result")
    require_same(
        request.key,
        operation=request.operation,
        hashed=request.input_hash,
        earlier_operation=earlier.operation,
        earlier_hash=earlier.input_hash,
    )
    _authorise(request, locked, facts.customers)
    stored = orjson.loads(earlier.result)
    posted = Posted(
        entries=_owned(stored["entries"]), allocations=_owned(stored["allocations"]), replayed=True
    )
    subject = (posted.entries or posted.allocations)[0]
    await audit.record(
        tx,
        actor,
        request.operation,
        subject=audit.Subject(
            type="LedgerEntry" if posted.entries else "Allocation",
            id=subject.id,
            customer_id=subject.customer_id,
        ),
        outcome=audit.REPLAYED,
    )
    return posted


def _scopes(actor: Actor, request: Request) -> Scopes:
    allowed = actor.grant.execute(f"Mutation.{request.operation}")
    for mutation in request.mutations:
        allowed &= actor.grant.execute(f"Mutation.{mutation}")
    # What is refused, and what is left open, tells of the amounts that are there.
    allowed &= actor.grant.field("LedgerEntry.amount", "ledger.amount").when_whole
    return Scopes(actor.grant.rows("Customer"), allowed)


def _authorise(request: Request, locked: Locked, customers: dict[UUID, CustomerRow]) -> None:
    """NotFound for a customer that does not exist for the actor, Forbidden for one out of reach."""
    for draft in request.drafts:
        customer = customers.get(draft.customer_id)
        path = _subject_path(draft)
        # Visible before the wait and after it: an assignment may have changed in between.
        if draft.customer_id not in locked.accounts or customer is None or not customer.is_visible:
            raise NotFound(path[-1], *path)
        if not customer.is_allowed:
            raise Forbidden(f"Mutation.{request.operation}", *path)


def _subject_path(draft: Draft) -> tuple[str, ...]:
    """The input that names the customer, by itself or through an id that carries its key."""
    match draft:
        case EntryDraft():
            return (*draft.path, "customer")
        case AllocationDraft():
            return (*draft.path, "credit")
        case UndoDraft():
            return (*draft.path, "allocation")


def _facts(facts: Read, ledgers: dict[UUID, SubLedger]) -> Facts:
    return Facts(
        posted_at=facts.posted_at,
        today=facts.today,
        ledgers=ledgers,
        payment_terms={id_: row.payment_terms_days for id_, row in facts.customers.items()},
        products=facts.products,
        calendar=Calendar(facts.periods),
        standing=facts.standing,
        references=facts.references,
        ids=iter(facts.ids),
        numbers=iter(facts.numbers),
    )


def _posted(decision: Decision) -> Posted:
    return Posted(
        entries=tuple(
            Owned(customer_id=entry.draft.customer_id, id=entry.id) for entry in decision.entries
        ),
        allocations=tuple(
            Owned(customer_id=each.customer_id, id=each.id) for each in decision.allocations
        ),
        replayed=False,
    )


def _result(posted: Posted) -> str:
    """What the idempotency row keeps: keys only, so a replay selects the rows as they are then."""
    return json_text(
        {
            "entries": [(each.customer_id, each.id) for each in posted.entries],
            "allocations": [(each.customer_id, each.id) for each in posted.allocations],
        }
    )


def _owned(stored: Sequence[Sequence[str]]) -> tuple[Owned, ...]:
    return tuple(Owned(customer_id=UUID(customer), id=UUID(id_)) for customer, id_ in stored)
