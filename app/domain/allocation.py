"""Which credit settles which debit: pure decisions over open items.

An allocation uses part of a credit against part of a debit of the same customer. `open` of either
side never goes below zero: whoever asks for more is refused with AMOUNT_EXCEEDS_OPEN.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.domain.errors import DomainError, ErrorCode, Invalid, NotFound


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenItem:
    """An entry that still has something open. `open_amount` is always above zero."""

    entry_id: UUID
    is_debit: bool
    open_amount: Decimal
    due_date: date | None
    accounting_date: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Allocation:
    """`amount` (above zero) of a credit used against a debit."""

    credit_id: UUID
    debit_id: UUID
    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An explicit allocation that a caller asks for, already at the currency's scale."""

    debit_id: UUID
    amount: Decimal


def oldest_due_first(items: Iterable[OpenItem]) -> list[OpenItem]:
    """Debits in the order they are settled in: due date, accounting date, order of posting.

    Ids are UUIDv7, so their order is the order of posting. A debit without a due date was due at
    once.
    """
    return sorted(
        (item for item in items if item.is_debit),
        key=lambda item: (
            item.due_date or item.accounting_date,
            item.accounting_date,
            item.entry_id,
        ),
    )


def allocate_oldest(
    credit_id: UUID, available: Decimal, items: Iterable[OpenItem]
) -> list[Allocation]:
    """Spend up to `available` of a credit on the open debits, oldest due first.

    What is left over stays open on the credit: the customer's advance.
    """
    made: list[Allocation] = []
    for item in oldest_due_first(items):
        if available <= 0:
            break
        amount = min(available, item.open_amount)
        made.append(Allocation(credit_id=credit_id, debit_id=item.entry_id, amount=amount))
        available -= amount
    return made


def allocate_explicitly(
    credit_id: UUID,
    available: Decimal,
    wanted: Sequence[Wanted],
    items: Iterable[OpenItem],
    *path: str,
) -> list[Allocation]:
    """Exactly what was asked for, or a refusal that names the allocation at fault.

    Validated in a fixed order: each debit named once, each debit open, each amount within what its
    debit has open, the sum within what the credit has.
    """
    open_debits = {item.entry_id: item for item in items if item.is_debit}
    made: list[Allocation] = []
    spent = Decimal(0)
    for index, wish in enumerate(wanted):
        here = (*path, str(index))
        if any(earlier.debit_id == wish.debit_id for earlier in made):
            raise Invalid("This debit is named twice: add the amounts up.", *here, "debit")
        item = open_debits.get(wish.debit_id)
        open_amount = item.open_amount if item else Decimal(0)
        if wish.amount > open_amount:
            raise _exceeds_open("debit", wish.amount, open_amount, *here, "amount")
        spent += wish.amount
        if spent > available:
            raise _exceeds_open("credit", spent, available, *here, "amount")
        made.append(Allocation(credit_id=credit_id, debit_id=wish.debit_id, amount=wish.amount))
    return made


def require_debits(wanted: Sequence[Wanted], debits: set[UUID], *path: str) -> None:
    """`NotFound` for the first wish that does not name a debit of this customer."""
    for index, wish in enumerate(wanted):
        if wish.debit_id not in debits:
            raise NotFound("debit of this customer", *path, str(index), "debit")


def _exceeds_open(side: str, asked: Decimal, open_amount: Decimal, *path: str) -> DomainError:
    return DomainError(
        ErrorCode.AMOUNT_EXCEEDS_OPEN,
        f"This is more than the {side} has open.",
        path=path,
        details={"asked": str(asked), "open": str(open_amount)},
    )
