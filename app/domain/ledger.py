"""What kinds of entry exist and what each one means: one declaration per entry type.

`amount` is signed: positive is owed by the customer (a debit), negative is owed to them (a credit).
"""

from dataclasses import dataclass
from enum import StrEnum


class EntryType(StrEnum):
    """LedgerEntryType of the contract."""

    OPENING_BALANCE = "OPENING_BALANCE"
    INVOICE = "INVOICE"
    DEBIT_NOTE = "DEBIT_NOTE"
    FINANCE_CHARGE = "FINANCE_CHARGE"
    PAYMENT = "PAYMENT"
    CREDIT_NOTE = "CREDIT_NOTE"
    REFUND = "REFUND"
    ADJUSTMENT = "ADJUSTMENT"
    WRITE_OFF = "WRITE_OFF"
    REVERSAL = "REVERSAL"
    CHARGEBACK = "CHARGEBACK"
    TRANSFER = "TRANSFER"


class GeneralLedgerAccount(StrEnum):
    """The chart of accounts of the contract."""

    ACCOUNTS_RECEIVABLE = "ACCOUNTS_RECEIVABLE"
    CUSTOMER_ADVANCES = "CUSTOMER_ADVANCES"
    CASH = "CASH"
    REVENUE = "REVENUE"
    SALES_RETURNS = "SALES_RETURNS"
    TAX_PAYABLE = "TAX_PAYABLE"
    BAD_DEBT = "BAD_DEBT"
    ADJUSTMENTS = "ADJUSTMENTS"
    REFUNDS_PAYABLE = "REFUNDS_PAYABLE"
    CHARGEBACK_LOSSES = "CHARGEBACK_LOSSES"
    FINANCE_INCOME = "FINANCE_INCOME"
    OPENING_EQUITY = "OPENING_EQUITY"
    TRANSFERS = "TRANSFERS"
    INVENTORY = "INVENTORY"
    COST_OF_GOODS_SOLD = "COST_OF_GOODS_SOLD"


class PaymentMethod(StrEnum):
    """How money came in. ACCOUNT means `on account`: that is no payment, and refused for one."""

    ACCOUNT = "ACCOUNT"
    CASH = "CASH"
    CARD = "CARD"
    BANK_TRANSFER = "BANK_TRANSFER"
    CHEQUE = "CHEQUE"


class ReferenceType(StrEnum):
    """Where an entry comes from, when not from a person typing it in."""

    SALES_ORDER = "SALES_ORDER"
    PAYMENT = "PAYMENT"
    REFUND_REQUEST = "REFUND_REQUEST"
    DISPUTE = "DISPUTE"
    MERGE = "MERGE"
    REVERSAL = "REVERSAL"
    RECONCILIATION = "RECONCILIATION"
    IMPORT = "IMPORT"
    EXTERNAL = "EXTERNAL"


@dataclass(frozen=True, kw_only=True)
class EntryKind:
    """How one type of entry is numbered, signed and booked.

    `sign` is +1 for a debit, -1 for a credit. `contra` takes the other side of the journal; tax,
    where an entry has any, goes to TAX_PAYABLE and the rest to `contra`. `unique_reference`: it
    stands for money that moved once under the caller's reference; an invoice may repeat one.
    `takes_tax_back`: its amount may contain tax without any line that says so.
    """

    type: EntryType
    prefix: str
    sign: int
    contra: GeneralLedgerAccount
    falls_due: bool = False
    unique_reference: bool = False
    takes_tax_back: bool = False


ENTRY_KINDS: dict[EntryType, EntryKind] = {
    kind.type: kind
    for kind in (
        EntryKind(
            type=EntryType.INVOICE,
            prefix="INV",
            sign=1,
            contra=GeneralLedgerAccount.REVENUE,
            falls_due=True,
        ),
        EntryKind(
            type=EntryType.PAYMENT,
            prefix="PAY",
            sign=-1,
            contra=GeneralLedgerAccount.CASH,
            unique_reference=True,
        ),
        EntryKind(
            type=EntryType.CREDIT_NOTE,
            prefix="CRN",
            sign=-1,
            contra=GeneralLedgerAccount.SALES_RETURNS,
            takes_tax_back=True,
        ),
    )
}
