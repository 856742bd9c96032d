"""What the inputs of several postings have in common, checked before anything is locked."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from app.domain import money, text
from app.domain.allocation import Wanted
from app.domain.errors import Invalid

MAX_ALLOCATIONS = 1_000
MAX_DECIMALS = 20
"""Digits after the point that are read at all: trailing zeros are no reason to refuse."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AllocationInput:
    """So much of a credit, for this debit of the same customer."""

    debit_id: UUID
    amount: Decimal


def amount(asked: Decimal, *path: str) -> Decimal:
    """An amount above zero that some currency could have; its own currency checks it again."""
    if not asked.is_finite() or abs(asked) >= money.MAX_AMOUNT:
        raise Invalid("This amount is out of range.", *path)
    if asked <= 0:
        raise Invalid("This amount must be more than zero.", *path)
    # Also what keeps 1E-1000000 from being written out digit by digit.
    if _decimals(asked) > MAX_DECIMALS:
        raise Invalid("This amount has too many decimals.", *path)
    return asked


def wanted(allocations: Sequence[AllocationInput], *path: str) -> tuple[Wanted, ...]:
    """Explicit allocations: bounded in number, each with an amount above zero."""
    if len(allocations) > MAX_ALLOCATIONS:
        raise Invalid(f"At most {MAX_ALLOCATIONS} allocations are made at once.", *path)
    return tuple(
        Wanted(debit_id=each.debit_id, amount=amount(each.amount, *path, str(index), "amount"))
        for index, each in enumerate(allocations)
    )


def external_reference(reference: str | None, *path: str) -> str | None:
    """What the caller's own system calls the entry."""
    return text.reference(reference, *path, "externalReference")


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
