"""Deciding a posting: drafts and facts in, new entries and allocations out. Writes nothing.

Each draft is validated in a fixed order and the first failure refuses all of them: currency, price,
named entries, a credit's date, period of the entry, its reference, what earlier credit notes have
left, open amounts, periods of the allocations.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from app.domain import booking, global_id, invoice, money
from app.domain.allocation import (
    Allocation,
    Wanted,
    allocate_explicitly,
    allocate_oldest,
    require_debits,
)
from app.domain.booking import Booked, Contra
from app.domain.drafts import AllocationDraft, Draft, EntryDraft, UndoDraft
from app.domain.errors import DomainError, ErrorCode, Invalid, NotFound
from app.domain.facts import Decision, Facts, Work
from app.domain.invoice import PricedLine
from app.domain.ledger import ENTRY_KINDS
from app.domain.subledger import KnownEntry, MadeAllocation, PostedEntry, SubLedger, Terms


def decide(drafts: Sequence[Draft], facts: Facts) -> Decision:
    """Apply the drafts in order to their customers' sub-ledgers."""
    decision = Decision()
    for draft in drafts:
        work = Work(ledger=facts.ledgers[draft.customer_id], facts=facts, decision=decision)
        match draft:
            case EntryDraft():
                _post(draft, work)
            case AllocationDraft():
                _allocate(draft, work)
            case UndoDraft():
                _undo(draft, work)
    return decision


def _post(draft: EntryDraft, work: Work) -> None:
    ledger, facts = work.ledger, work.facts
    currency = ledger.account.currency
    if draft.currency is not None and draft.currency != currency:
        raise DomainError(
            ErrorCode.CURRENCY_MISMATCH,
            f"This customer's account is in {currency}.",
            path=(*draft.path, "currency"),
            details={"expected": currency, "actual": draft.currency},
        )
    amount, lines = _priced(draft, facts, currency)
    wanted = _scaled(draft.wanted, currency, draft.path)
    _require_debits(wanted, ledger, draft.path)
    against = _against(draft, work)
    kind = ENTRY_KINDS[draft.type]
    if kind.sign < 0 and draft.transaction_date > facts.today:
        raise Invalid(
            f"Nothing that lowers a balance is dated after today, {facts.today}.",
            *draft.path,
            "transactionDate",
        )
    period_id = facts.calendar.month_open_for(
        draft.transaction_date, *draft.path, "transactionDate"
    )
    _require_new_reference(draft, work)
    contra = _contra(draft, amount, lines, ledger)
    due_date = draft.due_date
    if kind.falls_due and due_date is None:
        terms = timedelta(days=facts.payment_terms[draft.customer_id])
        due_date = draft.transaction_date + terms
    entry = ledger.post(
        draft,
        Terms(
            id=next(facts.ids),
            number=f"{kind.prefix}-{next(facts.numbers):06d}",
            amount=amount,
            lines=lines,
            contra=contra,
            due_date=due_date,
            period_id=period_id,
            posted_at=facts.posted_at,
        ),
    )
    work.decision.entries.append(entry)
    for path, wish in _wishes(draft, entry, wanted, against, ledger):
        _make(wish, draft.transaction_date, path, work)


def _wishes(
    draft: EntryDraft,
    entry: PostedEntry,
    wanted: Sequence[Wanted],
    against: KnownEntry | None,
    ledger: SubLedger,
) -> list[tuple[tuple[str, ...], Allocation]]:
    """What the new credit is spent on, each with the path that asked for it."""
    available = abs(entry.amount)
    if wanted:
        return _explicit(entry.id, available, wanted, ledger, draft.path)
    if against is not None:
        spent = min(available, against.open_amount)
        made = [Allocation(credit_id=entry.id, debit_id=against.id, amount=spent)] if spent else []
        field = "settles" if draft.against is None else "against"
        return [((*draft.path, field), wish) for wish in made]
    if draft.oldest_first:
        made = allocate_oldest(entry.id, available, ledger.open_debits())
        return [((*draft.path, "autoAllocate"), wish) for wish in made]
    return []


def _allocate(draft: AllocationDraft, work: Work) -> None:
    ledger = work.ledger
    wanted = _scaled(draft.wanted, ledger.account.currency, draft.path)
    credit = ledger.entry(draft.credit_id)
    if credit is None or credit.is_debit:
        raise NotFound("credit", *draft.path, "credit")
    if draft.oldest_first:
        made = allocate_oldest(credit.id, credit.open_amount, ledger.open_debits())
        if not made:
            raise DomainError(
                ErrorCode.INVALID_STATE,
                "There is nothing left of it, or nothing owed that it could be used on.",
                path=(*draft.path, "credit"),
            )
        wishes = [((*draft.path, "credit"), wish) for wish in made]
    else:
        _require_debits(wanted, ledger, draft.path)
        wishes = _explicit(credit.id, credit.open_amount, wanted, ledger, draft.path)
    for path, wish in wishes:
        _make(wish, draft.accounting_date or work.facts.today, path, work)


def _undo(draft: UndoDraft, work: Work) -> None:
    ledger, facts = work.ledger, work.facts
    path = (*draft.path, "allocation")
    standing = facts.standing.get(draft.allocation_id)
    if standing is None:
        raise NotFound("allocation", *path)
    if not standing.is_active:
        raise DomainError(ErrorCode.INVALID_STATE, "This allocation is undone.", path=path)
    # Never before what it undoes, which is never before its entries.
    dated = max(draft.accounting_date or facts.today, standing.accounting_date)
    facts.calendar.month_open_for(dated, *path)
    ledger.undo(standing.credit_id, standing.debit_id, standing.amount, dated)
    work.decision.allocations.append(
        MadeAllocation(
            id=next(facts.ids),
            customer_id=draft.customer_id,
            credit_id=standing.credit_id,
            debit_id=standing.debit_id,
            amount=-standing.amount,
            currency=ledger.account.currency,
            accounting_date=dated,
            allocated_at=facts.posted_at,
            undoes_id=standing.id,
            reason=draft.reason,
        )
    )


def _make(wish: Allocation, asked_on: date, path: tuple[str, ...], work: Work) -> None:
    """Allocate, dated by the latest of both entries, undoings at them, and what asks for it."""
    ledger = work.ledger
    sides = _usable_from(ledger, wish.credit_id), _usable_from(ledger, wish.debit_id)
    dated = max(asked_on, *sides)
    work.facts.calendar.month_open_for(dated, *path)
    ledger.allocate(wish)
    work.decision.allocations.append(
        MadeAllocation(
            id=next(work.facts.ids),
            customer_id=ledger.account.customer_id,
            credit_id=wish.credit_id,
            debit_id=wish.debit_id,
            amount=wish.amount,
            currency=ledger.account.currency,
            accounting_date=dated,
            allocated_at=work.facts.posted_at,
        )
    )


def _priced(
    draft: EntryDraft, facts: Facts, currency: str
) -> tuple[Decimal, tuple[PricedLine, ...]]:
    if draft.amount is not None:
        return money.positive(draft.amount, currency, *draft.path, "amount"), ()
    path = (*draft.path, "lineItems")
    lines = invoice.priced(draft.lines, facts.products, currency, *path)
    return invoice.total_of(lines, *path), lines


def _contra(
    draft: EntryDraft, amount: Decimal, lines: tuple[PricedLine, ...], ledger: SubLedger
) -> tuple[Contra, ...]:
    """What the entry books against the account. A credit note takes back what its debit booked."""
    kind, currency = ENTRY_KINDS[draft.type], ledger.account.currency
    if lines:
        return booking.of_lines(kind, lines)
    if draft.against is None:
        return booking.of_gross(kind, amount, draft.tax_rate, currency)
    debit = ledger.booked(draft.against)
    most = debit.unreturned or money.zero(currency)
    if amount > most:
        raise DomainError(
            ErrorCode.AMOUNT_EXCEEDS_OPEN,
            "This is more than earlier credit notes have left of the debit.",
            path=(*draft.path, "amount"),
            details={"asked": str(amount), "left": str(most)},
        )
    _require_its_rate(draft, debit)
    return booking.taken_back(amount, debit.left, currency)


def _require_new_reference(draft: EntryDraft, work: Work) -> None:
    """CONFLICT that names the first entry, or its place in the batch, where one only may be so."""
    reference = draft.external_reference
    if reference is None or not ENTRY_KINDS[draft.type].unique_reference:
        return
    key = draft.customer_id, draft.type, reference
    path = (*draft.path, "externalReference")
    there = work.facts.references.get(key)
    for index, entry in enumerate(work.decision.entries):
        of = entry.draft
        if (of.customer_id, of.type, of.external_reference) == key:
            # It has an id and a number that are gone when this is refused.
            raise DomainError(
                ErrorCode.CONFLICT,
                f"Entry {index} of this batch has the same reference.",
                path=path,
                details={"index": index},
            )
    if there is not None:
        entry_id, number = there
        raise DomainError(
            ErrorCode.CONFLICT,
            f"This reference was recorded before, as {number}.",
            path=path,
            details={
                "entry": global_id.encode("LedgerEntry", entry_id, draft.customer_id),
                "number": number,
            },
        )


def _require_its_rate(draft: EntryDraft, debit: Booked) -> None:
    """A rate that is given although the debit has its own must be that one, of all its lines."""
    if draft.tax_rate is None or set(debit.rates) == {draft.tax_rate}:
        return
    raise Invalid(
        "The debit has other tax: leave the rate out, and its own is taken back in proportion.",
        *draft.path,
        "taxRate",
        details={
            "taxRate": str(draft.tax_rate),
            "ofTheDebit": [str(each) for each in debit.rates],
        },
    )


def _scaled(wanted: Sequence[Wanted], currency: str, path: tuple[str, ...]) -> list[Wanted]:
    return [
        Wanted(
            debit_id=wish.debit_id,
            amount=money.positive(
                wish.amount, currency, *path, "allocations", str(index), "amount"
            ),
        )
        for index, wish in enumerate(wanted)
    ]


def _require_debits(wanted: Sequence[Wanted], ledger: SubLedger, path: tuple[str, ...]) -> None:
    named = (ledger.entry(wish.debit_id) for wish in wanted)
    require_debits(
        wanted, {each.id for each in named if each and each.is_debit}, *path, "allocations"
    )


def _explicit(
    credit_id: UUID,
    available: Decimal,
    wanted: Sequence[Wanted],
    ledger: SubLedger,
    path: tuple[str, ...],
) -> list[tuple[tuple[str, ...], Allocation]]:
    here = (*path, "allocations")
    named = [wish.debit_id for wish in wanted]
    made = allocate_explicitly(credit_id, available, wanted, ledger.open_debits(named), *here)
    return [((*here, str(index)), wish) for index, wish in enumerate(made)]


def _against(draft: EntryDraft, work: Work) -> KnownEntry | None:
    """The debit that the draft names as the one to spend its money on, by id or by index."""
    if draft.settles is not None:
        posted = work.decision.entries
        named = posted[draft.settles].id if 0 <= draft.settles < len(posted) else None
        field = "settles"
    elif draft.against is not None:
        named, field = draft.against, "against"
    else:
        return None
    entry = None if named is None else work.ledger.entry(named)
    if entry is None or not entry.is_debit:
        raise NotFound("debit of this customer", *draft.path, field)
    return entry


def _usable_from(ledger: SubLedger, entry_id: UUID) -> date:
    entry = ledger.entry(entry_id)
    if entry is None:
        raise AssertionError("both sides of an allocation were read with it")
    return entry.usable_from
