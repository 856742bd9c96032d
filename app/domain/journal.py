"""Double entry: how entries and allocations are booked. The lines of one source sum to zero.

A debit entry is owed: Dr receivable, Cr contra (and tax). A credit entry is the customer's money:
Dr contra, Cr customer advances. An allocation moves money from advances to receivable, undoing it
moves the money back. So receivable is the sum of what is pending, advances the sum of what is
advance, at every commit.
"""

from dataclasses import dataclass
from decimal import Decimal

from app.domain.ledger import EntryKind, GeneralLedgerAccount

RECEIVABLE = GeneralLedgerAccount.ACCOUNTS_RECEIVABLE
ADVANCES = GeneralLedgerAccount.CUSTOMER_ADVANCES


@dataclass(frozen=True, slots=True)
class JournalLine:
    """`amount` is above zero on the debit side, below on the credit side, never zero."""

    account: GeneralLedgerAccount
    amount: Decimal


def of_entry(kind: EntryKind, amount: Decimal, tax: Decimal) -> list[JournalLine]:
    """The booking of an entry whose signed amount is `amount`; `tax` is the part that is tax.

    Only debits carry tax.
    """
    if kind.sign < 0:
        return [JournalLine(kind.contra, -amount), JournalLine(ADVANCES, amount)]
    lines = [JournalLine(RECEIVABLE, amount), JournalLine(kind.contra, tax - amount)]
    if tax:
        lines.append(JournalLine(GeneralLedgerAccount.TAX_PAYABLE, -tax))
    return lines


def of_allocation(amount: Decimal) -> list[JournalLine]:
    """The booking of an allocation; a counter-allocation has an amount below zero."""
    return [JournalLine(ADVANCES, amount), JournalLine(RECEIVABLE, -amount)]
