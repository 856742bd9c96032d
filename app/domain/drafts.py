"""What a caller wants done to one account, checked as far as it can be without looking at data.

`path` is where the wish stands in the caller's input: every refusal of it begins there.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.domain.allocation import Wanted
from app.domain.invoice import LineItem
from app.domain.ledger import EntryType, PaymentMethod, ReferenceType


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryDraft:
    """An entry to post. Either `amount` (above zero, unsigned) or `lines` say how much.

    `wanted` are explicit allocations of a credit, at `wanted_path`; without any, `oldest_first`
    spends it on what is due longest. `against` is spent on before anything else, up to what it has
    open, and becomes the related entry. `settles` is spent on likewise: the index of an earlier
    draft of the same batch. `tax_rate` says what tax a credit's `amount` contains, when it is
    against nothing that says so itself.
    """

    path: tuple[str, ...]
    customer_id: UUID
    type: EntryType
    transaction_date: date
    due_date: date | None = None
    currency: str | None = None
    amount: Decimal | None = None
    lines: tuple[LineItem, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    oldest_first: bool = False
    against: UUID | None = None
    tax_rate: Decimal | None = None
    settles: int | None = None
    payment_method: PaymentMethod | None = None
    description: str | None = None
    reason: str | None = None
    reference_type: ReferenceType | None = None
    external_reference: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AllocationDraft:
    """Allocations of a credit that is already posted. Without `accounting_date`: as of today.

    `oldest_first` spends what it has open on what is due longest.
    """

    path: tuple[str, ...]
    customer_id: UUID
    credit_id: UUID
    accounting_date: date | None
    wanted: tuple[Wanted, ...] = ()
    oldest_first: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class UndoDraft:
    """An allocation to undo by its mirror. Without `accounting_date`: as of today."""

    path: tuple[str, ...]
    customer_id: UUID
    allocation_id: UUID
    accounting_date: date | None
    reason: str


Draft = EntryDraft | AllocationDraft | UndoDraft
