"""One customer's account while a posting is decided: figures, chain and open items move together.

Holds throughout: `pending` is the sum of what debits have open, `advance` of what credits have, and
`0 < open <= |amount|` for every open item; the head is the hash of the last entry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.domain.allocation import Allocation, OpenItem
from app.domain.booking import Booked, Contra, rates_of
from app.domain.drafts import EntryDraft
from app.domain.hashing import FinancialFields, entry_hash
from app.domain.invoice import PricedLine
from app.domain.ledger import ENTRY_KINDS


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountState:
    """The account row as it was locked."""

    customer_id: UUID
    currency: str
    pending: Decimal
    advance: Decimal
    sequence: int
    head_hash: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownEntry:
    """An entry that a draft names, with what it has open (zero once settled).

    `undone_on`: the latest date of an undoing at it. What was free again only then is not used
    before: as of no date has an entry less than nothing open.
    """

    id: UUID
    is_debit: bool
    open_amount: Decimal
    due_date: date | None
    accounting_date: date
    undone_on: date | None = None

    @property
    def usable_from(self) -> date:
        """The first date that an allocation of it may have."""
        return max(self.accounting_date, self.undone_on or self.accounting_date)


@dataclass(frozen=True, kw_only=True, slots=True)
class PostedEntry:
    """A new entry as it will be written. `amount` is signed; `contra` adds up to |amount|."""

    id: UUID
    number: str
    sequence: int
    amount: Decimal
    currency: str
    due_date: date | None
    period_id: UUID
    posted_at: datetime
    previous_hash: bytes
    hash: bytes
    lines: tuple[PricedLine, ...]
    contra: tuple[Contra, ...]
    draft: EntryDraft


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeAllocation:
    """A new allocation; `amount` is below zero when it undoes another."""

    id: UUID
    customer_id: UUID
    credit_id: UUID
    debit_id: UUID
    amount: Decimal
    currency: str
    accounting_date: date
    allocated_at: datetime
    undoes_id: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a new entry gets from outside its draft."""

    id: UUID
    number: str
    amount: Decimal
    lines: tuple[PricedLine, ...]
    contra: tuple[Contra, ...]
    due_date: date | None
    period_id: UUID
    posted_at: datetime


class SubLedger:
    """Changes only through `post`, `allocate` and `undo`.

    `booked`: of debits that are credited, what they booked, as far as notes have left it.
    """

    def __init__(
        self,
        account: AccountState,
        known: Iterable[KnownEntry],
        booked: Mapping[UUID, Booked] | None = None,
    ) -> None:
        self.account = account
        self._booked = dict(booked or {})
        self._known = {entry.id: entry for entry in known}
        self._stored = {entry.id for entry in self._known.values() if entry.open_amount > 0}
        self._open_debits = {e.id: e for e in self._known.values() if e.is_debit and e.open_amount}
        self._touched: dict[UUID, None] = {}

    def booked(self, debit_id: UUID) -> Booked:
        """What a debit that was read or posted here has booked, as far as notes have left it."""
        return self._booked.get(debit_id, Booked())

    def entry(self, entry_id: UUID) -> KnownEntry | None:
        """An entry of this customer that was read or posted, or None."""
        return self._known.get(entry_id)

    def open_debits(self, among: Iterable[UUID] | None = None) -> list[OpenItem]:
        """What is owed and open, among the entries that were read or posted, or only these ids."""
        debits = self._open_debits
        chosen = debits.values() if among is None else [debits[i] for i in among if i in debits]
        return [
            OpenItem(
                entry_id=entry.id,
                is_debit=True,
                open_amount=entry.open_amount,
                due_date=entry.due_date,
                accounting_date=entry.accounting_date,
            )
            for entry in chosen
        ]

    def post(self, draft: EntryDraft, terms: Terms) -> PostedEntry:
        """Append an entry to the chain; all of it is open."""
        account = self.account
        signed = terms.amount * ENTRY_KINDS[draft.type].sign
        fields = FinancialFields(
            customer_id=account.customer_id,
            sequence=account.sequence + 1,
            number=terms.number,
            type=draft.type,
            amount=signed,
            currency=account.currency,
            transaction_date=draft.transaction_date,
            due_date=terms.due_date,
            posted_at=terms.posted_at,
            payment_method=draft.payment_method,
            reference_type=draft.reference_type,
            related_entry_id=draft.against,
            lines=tuple(line.figures for line in terms.lines),
        )
        digest = entry_hash(account.head_hash, fields)
        is_debit = signed > 0
        self._know(
            KnownEntry(
                id=terms.id,
                is_debit=is_debit,
                open_amount=terms.amount,
                due_date=terms.due_date,
                accounting_date=draft.transaction_date,
            )
        )
        if is_debit:
            self._booked[terms.id] = Booked(left=terms.contra, rates=rates_of(terms.lines))
        elif draft.against is not None:
            self._booked[draft.against] = self.booked(draft.against).less(terms.contra)
        self.account = replace(
            account,
            sequence=fields.sequence,
            head_hash=digest,
            pending=account.pending + terms.amount if is_debit else account.pending,
            advance=account.advance if is_debit else account.advance + terms.amount,
        )
        return PostedEntry(
            id=terms.id,
            number=terms.number,
            sequence=fields.sequence,
            amount=signed,
            currency=account.currency,
            due_date=terms.due_date,
            period_id=terms.period_id,
            posted_at=terms.posted_at,
            previous_hash=account.head_hash,
            hash=digest,
            lines=terms.lines,
            contra=terms.contra,
            draft=draft,
        )

    def allocate(self, wish: Allocation) -> None:
        """Use part of a credit against a debit. The caller has checked that both have it open."""
        self._move(wish.credit_id, wish.debit_id, -wish.amount)

    def undo(self, credit_id: UUID, debit_id: UUID, amount: Decimal, dated: date) -> None:
        """Give both sides of an active allocation back what it used, as of a date."""
        self._move(credit_id, debit_id, amount)
        for entry_id in (credit_id, debit_id):
            entry = self._known[entry_id]
            last = max(dated, entry.undone_on or dated)
            self._known[entry_id] = replace(entry, undone_on=last)

    def changed_items(self) -> tuple[list[KnownEntry], list[KnownEntry], list[UUID]]:
        """The open items to insert, to update and to delete: each entry in at most one of them."""
        inserted, updated, deleted = [], [], []
        for entry_id in self._touched:
            entry = self._known[entry_id]
            if entry_id not in self._stored:
                if entry.open_amount > 0:
                    inserted.append(entry)
            elif entry.open_amount > 0:
                updated.append(entry)
            else:
                deleted.append(entry_id)
        return inserted, updated, deleted

    def _move(self, credit_id: UUID, debit_id: UUID, amount: Decimal) -> None:
        for entry_id in (credit_id, debit_id):
            entry = self._known[entry_id]
            self._know(replace(entry, open_amount=entry.open_amount + amount))
        self.account = replace(
            self.account,
            pending=self.account.pending + amount,
            advance=self.account.advance + amount,
        )

    def _know(self, entry: KnownEntry) -> None:
        if entry.open_amount < 0:
            raise AssertionError("an open amount never goes below zero")
        self._known[entry.id] = entry
        self._touched[entry.id] = None
        if entry.is_debit and entry.open_amount > 0:
            self._open_debits[entry.id] = entry
        else:
            self._open_debits.pop(entry.id, None)
