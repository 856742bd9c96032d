"""What a decision rests on, and what comes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.domain.invoice import Product
from app.domain.ledger import EntryType
from app.domain.periods import Calendar
from app.domain.subledger import MadeAllocation, PostedEntry, SubLedger


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingAllocation:
    """An allocation that a draft wants undone. `is_active`: it undoes nothing and is not undone."""

    id: UUID
    credit_id: UUID
    debit_id: UUID
    amount: Decimal
    accounting_date: date
    is_active: bool


Reference = tuple[UUID, EntryType, str]
"""A customer, a type of entry, and what the caller's own system calls it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known when deciding: read under the locks, and ids and numbers drawn there.

    `today` is the company's, by the clock that also says when something was posted. `references`:
    of those that drafts give and that name one entry only, the id and number of who has it.
    """

    posted_at: datetime
    today: date
    ledgers: Mapping[UUID, SubLedger]
    payment_terms: Mapping[UUID, int]
    products: Mapping[str, Product]
    calendar: Calendar
    standing: Mapping[UUID, StandingAllocation]
    references: Mapping[Reference, tuple[UUID, str]]
    ids: Iterator[UUID]
    numbers: Iterator[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """All that is new, in the order of the drafts."""

    entries: list[PostedEntry] = field(default_factory=list)
    allocations: list[MadeAllocation] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One draft's turn: its customer's sub-ledger, the facts, and where the outcome goes."""

    ledger: SubLedger
    facts: Facts
    decision: Decision
