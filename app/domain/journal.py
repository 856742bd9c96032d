"""Double entry: how entries and allocations are booked. The lines of one source sum to zero.

A debit entry is owed: Dr receivable, Cr contra (and tax). A credit entry is the customer's money:
Dr contra, Cr customer advances. An allocation moves money from advances to receivable, undoing it
moves the money back. So receivable is the sum of what is pending, advances the sum of what is
advance, at every commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.domain.booking import Contra
from app.domain.ledger import GeneralLedgerAccount

RECEIVABLE = GeneralLedgerAccount.ACCOUNTS_RECEIVABLE
ADVANCES = GeneralLedgerAccount.CUSTOMER_ADVANCES


@dataclass(frozen=True, slots=True)
class JournalLine:
    """`amount` is above zero on the debit side, below on the credit side, never zero."""

    account: GeneralLedgerAccount
    amount: Decimal
    tax_rate: Decimal | None = None


def of_entry(amount: Decimal, contra: Sequence[Contra]) -> list[JournalLine]:
    """The booking of an entry whose signed amount is `amount`; `contra` adds up to |amount|."""
    if amount < 0:
        return [*_lines(contra, 1), JournalLine(ADVANCES, amount)]
    return [JournalLine(RECEIVABLE, amount), *_lines(contra, -1)]


def _lines(contra: Sequence[Contra], side: int) -> list[JournalLine]:
    return [JournalLine(each.account, each.amount * side, each.tax_rate) for each in contra]


def of_allocation(amount: Decimal) -> list[JournalLine]:
    """The booking of an allocation; a counter-allocation has an amount below zero."""
    return [JournalLine(ADVANCES, amount), JournalLine(RECEIVABLE, -amount)]
