"""Reading all that deciding needs once the locks are held: what to ask for, the typed answer."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.domain.booking import Booked, Contra, left_of
from app.domain.drafts import AllocationDraft, Draft, EntryDraft, UndoDraft
from app.domain.facts import Reference, StandingAllocation
from app.domain.invoice import Product
from app.domain.ledger import ENTRY_KINDS, EntryType, GeneralLedgerAccount
from app.domain.periods import Period, PeriodStatus, PeriodType
from app.domain.subledger import KnownEntry
from app.infra.database import Transaction
from app.policies.actor import Actor
from app.services.ledger.read_statement import Scopes, read_statement

_NO_TAX = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerRow:
    """A customer as a posting sees it. `is_allowed`: the mutation may be done to it."""

    status: str
    payment_terms_days: int
    is_visible: bool
    is_allowed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierRequest:
    """Who holds the idempotency key: a request that was committed."""

    operation: str
    input_hash: bytes
    result: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """The facts, typed. `earlier` is there only when the key was found taken.

    `booked`, by customer and debit: what the debits that drafts name as `against` have booked, as
    far as credit notes have left it.
    """

    posted_at: datetime
    today: date
    ids: Sequence[UUID]
    numbers: Sequence[int]
    customers: dict[UUID, CustomerRow]
    known: dict[UUID, list[KnownEntry]]
    booked: dict[UUID, dict[UUID, Booked]]
    standing: dict[UUID, StandingAllocation]
    references: dict[Reference, tuple[UUID, str]]
    products: dict[str, Product]
    periods: list[Period]
    earlier: EarlierRequest | None


async def read(
    tx: Transaction,
    actor: Actor,
    scopes: Scopes,
    drafts: Sequence[Draft],
    *,
    key: str,
    key_is_new: bool,
) -> Read:
    """Read for these drafts; a replay reads who asked first and draws nothing."""
    record = await tx.fetchrow(
        read_statement(scopes),
        viewer_id=actor.user_id,
        viewer_customer_id=actor.customer_id,
        actor_id=actor.user_id,
        key=None if key_is_new else key,
        **(_wanted(drafts) if key_is_new else _wanted(())),
        customer_ids=list({draft.customer_id for draft in drafts}),
    )
    if record is None:
        raise AssertionError("a select without FROM has one row")
    return _typed(record)


def _wanted(drafts: Sequence[Draft]) -> dict[str, Any]:
    entries = [draft for draft in drafts if isinstance(draft, EntryDraft)]
    undone = [draft for draft in drafts if isinstance(draft, UndoDraft)]
    named = list(_named(drafts))
    spendable: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    for entry in entries:
        if entry.amount is not None and ENTRY_KINDS[entry.type].sign < 0:
            spendable[entry.customer_id] += entry.amount
    spent = [draft for draft in drafts if isinstance(draft, AllocationDraft) and draft.oldest_first]
    by_itself = {entry.customer_id for entry in entries if entry.oldest_first}
    credited = {(each.customer_id, each.against) for each in entries if each.against is not None}
    unique = [
        each
        for each in entries
        if each.external_reference is not None and ENTRY_KINDS[each.type].unique_reference
    ]
    dates = [day for day in map(_asked_on, drafts) if day is not None]
    return {
        # An entry each; and each allocation uses up a wish, a new entry or an open item, which
        # the statement adds, or undoes one.
        "id_count": 2 * len(entries) + len(named) + len(undone),
        "sequences": [f"entry_number_{entry.type.lower()}" for entry in entries],
        "named_customers": [customer_id for customer_id, _ in named],
        "named_entries": [entry_id for _, entry_id in named],
        "credited_customers": [customer_id for customer_id, _ in credited],
        "credited": [entry_id for _, entry_id in credited],
        "reference_customers": [each.customer_id for each in unique],
        "reference_types": [str(each.type) for each in unique],
        "references": [each.external_reference for each in unique],
        "undone_customers": [draft.customer_id for draft in undone],
        "undone": [draft.allocation_id for draft in undone],
        "spending_customers": list(by_itself),
        "spendable": [spendable[customer_id] for customer_id in by_itself],
        "spent_customers": [each.customer_id for each in spent],
        "spent": [each.credit_id for each in spent],
        "skus": list({line.sku for entry in entries for line in entry.lines if line.sku}),
        "first_date": min(dates, default=None),
        "last_date": max(dates, default=None),
        "has_drafts": bool(drafts),
    }


def _named(drafts: Iterable[Draft]) -> Iterable[tuple[UUID, UUID]]:
    for draft in drafts:
        if isinstance(draft, UndoDraft):
            continue
        for wish in draft.wanted:
            yield draft.customer_id, wish.debit_id
        if isinstance(draft, AllocationDraft):
            yield draft.customer_id, draft.credit_id
        elif draft.against is not None:
            yield draft.customer_id, draft.against


def _asked_on(draft: Draft) -> date | None:
    return draft.transaction_date if isinstance(draft, EntryDraft) else draft.accounting_date


def _typed(record: Mapping[str, Any]) -> Read:
    known: defaultdict[UUID, dict[UUID, KnownEntry]] = defaultdict(dict)
    for customer_id, entry_id, is_debit, open_amount, due, dated, undone in _rows(record["known"]):
        entry = KnownEntry(
            id=UUID(entry_id),
            is_debit=is_debit,
            open_amount=Decimal(open_amount),
            due_date=due and date.fromisoformat(due),
            accounting_date=date.fromisoformat(dated),
            undone_on=undone and date.fromisoformat(undone),
        )
        known[UUID(customer_id)][entry.id] = entry
    return Read(
        posted_at=record["posted_at"],
        today=record["today"],
        ids=record["ids"],
        numbers=record["numbers"],
        customers={
            UUID(id_): CustomerRow(
                status=status, payment_terms_days=terms, is_visible=visible, is_allowed=allowed
            )
            for id_, status, terms, visible, allowed in _rows(record["customers"])
        },
        known={customer_id: list(entries.values()) for customer_id, entries in known.items()},
        booked=_booked(_rows(record["contra"]), _rows(record["rates"])),
        references={
            (UUID(customer_id), EntryType(type_), reference): (UUID(id_), number)
            for customer_id, type_, reference, id_, number in _rows(record["references"])
        },
        standing={each.id: each for each in map(_standing, _rows(record["standing"]))},
        products=dict(map(_product, _rows(record["products"]))),
        periods=[_period(columns) for columns in _rows(record["periods"])],
        earlier=_earlier(record),
    )


def _booked(
    contra: Iterable[list[Any]], rates: Iterable[list[Any]]
) -> dict[UUID, dict[UUID, Booked]]:
    lines: defaultdict[tuple[str, str], list[Contra]] = defaultdict(list)
    returned: defaultdict[tuple[str, str], list[Contra]] = defaultdict(list)
    for customer_id, entry_id, is_note, account, tax_rate, amount in contra:
        line = Contra(
            account=GeneralLedgerAccount(account),
            tax_rate=tax_rate and Decimal(tax_rate),
            amount=Decimal(amount),
        )
        (returned if is_note else lines)[customer_id, entry_id].append(line)
    rates_of = {
        (customer_id, entry_id): tuple(map(Decimal, found))
        for customer_id, entry_id, found in rates
    }
    booked: defaultdict[UUID, dict[UUID, Booked]] = defaultdict(dict)
    for key, its_lines in lines.items():
        customer_id, entry_id = map(UUID, key)
        booked[customer_id][entry_id] = Booked(
            left=left_of(its_lines, returned[key]),
            # Without items, as of an opening balance, the journal says it.
            rates=rates_of[key]
            or tuple(filter(None, (it.tax_rate for it in its_lines)))
            or (_NO_TAX,),
        )
    return booked


def _earlier(record: Mapping[str, Any]) -> EarlierRequest | None:
    if record["earlier_operation"] is None:
        return None
    return EarlierRequest(
        operation=record["earlier_operation"],
        input_hash=record["earlier_hash"],
        result=record["earlier_result"],
    )


def _rows(text_: str | None) -> list[list[Any]]:
    return orjson.loads(text_) if text_ else []


def _standing(columns: list[Any]) -> StandingAllocation:
    id_, credit_id, debit_id, amount, dated, is_active = columns
    return StandingAllocation(
        id=UUID(id_),
        credit_id=UUID(credit_id),
        debit_id=UUID(debit_id),
        amount=Decimal(amount),
        accounting_date=date.fromisoformat(dated),
        is_active=is_active,
    )


def _product(columns: list[Any]) -> tuple[str, Product]:
    sku, id_, name, currency, tax_rate, is_active = columns
    product = Product(
        id=UUID(id_), name=name, currency=currency, tax_rate=Decimal(tax_rate), is_active=is_active
    )
    return sku, product


def _period(columns: list[str]) -> Period:
    id_, name, type_, status, starts, ends = columns
    return Period(
        id=UUID(id_),
        name=name,
        type=PeriodType(type_),
        status=PeriodStatus(status),
        starts_on=date.fromisoformat(starts),
        ends_before=date.fromisoformat(ends),
    )
