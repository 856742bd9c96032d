"""What is left to post of a row, once it is known what is in the books: a decision, no access."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from app.domain.customer import require_in_use
from app.domain.errors import DomainError, ErrorCode
from app.services.importing.chunks import Wanted
from app.services.importing.present import Account, Imported
from app.services.importing.refusals import RowRefused
from app.services.importing.rows import Row


def left_to_post(
    row: Row, account: Account, invoice: Imported | None, payment: Imported | None
) -> Wanted | None:
    """What of the row is not in the books yet; None when all of it is.

    Raises RowRefused when what is there under its reference is something else.
    """
    if row.invoice is None:
        return None
    try:
        require_in_use(account.status)
    except DomainError as error:
        raise RowRefused.of(error, "customer.code") from error
    if row.customer.currency != account.currency:
        raise RowRefused(
            "customer.currency",
            f"This customer's account is in {account.currency}.",
            ErrorCode.CURRENCY_MISMATCH,
        )
    wanted = Wanted(
        row=row,
        customer_id=account.id,
        currency=account.currency,
        invoice=row.invoice,
        settlement=row.settlement,
    )
    if invoice is None:
        return wanted
    _require_same("invoice", invoice, row.invoice.amount, row.invoice.on)
    if row.settlement is None:
        return None
    if payment is not None:
        _require_same("settlement", payment, row.settlement.amount, row.settlement.on)
        return None
    debit_amount = min(row.settlement.amount, invoice.amount)
    if debit_amount > invoice.open_amount:
        raise RowRefused(
            "settlement.amount",
            "The invoice was imported before, and has less open than this settlement.",
            ErrorCode.AMOUNT_EXCEEDS_OPEN,
        )
    return replace(wanted, invoice=None, debit_id=invoice.id, debit_amount=debit_amount)


def _require_same(what: str, there: Imported, amount: Decimal, dated: date) -> None:
    if (there.amount, there.dated) != (amount, dated):
        raise RowRefused(
            f"{what}.reference",
            f"Another {what} was imported with this reference: its amount or its date differs.",
            ErrorCode.CONFLICT,
        )
