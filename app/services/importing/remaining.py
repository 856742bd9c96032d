"""What is left to post of a portion's rows, once it is known what is in the books: no access."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from app.domain import money
from app.domain.customer import require_in_use
from app.domain.errors import DomainError, ErrorCode
from app.domain.ledger import EntryType
from app.services.importing.chunks import Wanted
from app.services.importing.present import Account, Named, Present
from app.services.importing.refusals import AlreadyThere, RowRefused
from app.services.importing.rows import InvoiceRow, Row, SettlementRow


class Remaining:
    """Decides row by row, those with invoices first; `take` says that a row is going to be posted.

    Money that a taken row spends on an invoice is not there for the next.
    """

    def __init__(
        self, accounts: Mapping[str, Account], books: Mapping[Named, Sequence[Present]]
    ) -> None:
        self._accounts = accounts
        self._books = books
        self._invoiced: dict[tuple[UUID, str], Wanted] = {}
        self._open: dict[tuple[UUID, str], Decimal] = {}

    def of(self, row: Row) -> Wanted | AlreadyThere:
        """What of the row is not in the books yet.

        Raises RowRefused when what is there under its references is something else, and when a
        payment has no invoice that is open for it.
        """
        account = self._usable(row)
        settlement, invoice = row.settlement, row.invoice
        if settlement is not None and row.currency is None:
            _require_decimals(settlement, account.currency)
        if invoice is None:
            if settlement is None:
                raise AssertionError("rows without entries are not asked for")
            return self._payment(row, account, settlement)
        wanted = Wanted(
            row=row,
            customer_id=account.id,
            currency=account.currency,
            invoice=invoice,
            settlement=settlement,
        )
        debit = _same(
            "invoice", self._found(account, EntryType.INVOICE, invoice.reference), invoice
        )
        if settlement is None:
            return wanted if debit is None else _there(row, debit)
        credit = self._credit(account, row, settlement)
        if debit is None:
            if credit is not None:
                raise RowRefused(
                    "settlement.reference",
                    f"The books have {credit.number} under this reference, but not the invoice: "
                    "import that without a settlement, and allocate the payment by hand.",
                    ErrorCode.CONFLICT,
                )
            return wanted
        if credit is not None:
            return _there(row, debit, credit)
        return self._for_debit(
            row, account, settlement, debit, min(settlement.amount, debit.amount)
        )

    def take(self, wanted: Wanted) -> None:
        """Count on what the row is going to do to its invoice."""
        settlement, invoice = wanted.settlement, wanted.invoice
        if invoice is not None:
            self._invoiced[wanted.customer_id, invoice.reference] = wanted
            self._open[wanted.customer_id, invoice.reference] = invoice.amount
        if settlement is not None:
            debit = wanted.customer_id, settlement.settles
            spent = settlement.amount if wanted.debit_id is None else wanted.debit_amount
            self._open[debit] = max(self._open.get(debit, Decimal(0)) - spent, Decimal(0))

    def _usable(self, row: Row) -> Account:
        account = self._accounts.get(row.code)
        if account is None:
            raise RowRefused(
                "payment.customer",
                "No customer has this code, and a payment makes none: import its invoice first.",
                ErrorCode.NOT_FOUND,
            )
        section = "payment" if row.is_payment else "customer"
        try:
            require_in_use(account.status)
        except DomainError as error:
            key = "customer" if row.is_payment else "code"
            raise RowRefused.of(error, f"{section}.{key}") from error
        if row.currency not in (None, account.currency):
            raise RowRefused(
                f"{section}.currency",
                f"This customer's account is in {account.currency}.",
                ErrorCode.CURRENCY_MISMATCH,
            )
        return account

    def _payment(
        self, row: Row, account: Account, settlement: SettlementRow
    ) -> Wanted | AlreadyThere:
        credit = self._credit(account, row, settlement)
        if credit is not None:
            return _there(row, credit)
        invoiced = self._invoiced.get((account.id, settlement.settles))
        if invoiced is not None:
            self._require_open(account, row, settlement.amount)
            return Wanted(
                row=row,
                customer_id=account.id,
                currency=account.currency,
                invoice=None,
                settlement=settlement,
                debit_line=invoiced.row.line,
            )
        debits = self._found(account, EntryType.INVOICE, settlement.settles)
        if not debits:
            raise RowRefused(
                "payment.invoice",
                "The books have no such invoice of this customer: import it first, or mend the "
                "number.",
                ErrorCode.NOT_FOUND,
            )
        if len(debits) > 1:
            raise RowRefused(
                "payment.invoice",
                f"{', '.join(each.number for each in debits)} of this customer have this "
                "reference: record the payment by hand.",
                ErrorCode.CONFLICT,
            )
        return self._for_debit(row, account, settlement, debits[0], settlement.amount)

    def _for_debit(
        self,
        row: Row,
        account: Account,
        settlement: SettlementRow,
        debit: Present,
        amount: Decimal,
    ) -> Wanted:
        self._open.setdefault((account.id, settlement.settles), debit.open_amount)
        self._require_open(account, row, amount)
        return Wanted(
            row=row,
            customer_id=account.id,
            currency=account.currency,
            invoice=None,
            settlement=settlement,
            debit_id=debit.id,
            debit_amount=amount,
        )

    def _require_open(self, account: Account, row: Row, amount: Decimal) -> None:
        left = self._open[account.id, row.concerns or ""]
        if amount > left:
            raise RowRefused(
                f"{row.section}.amount",
                f"The invoice has {money.exact(left, account.currency)} {account.currency} open, "
                f"less than this payment of {amount}: mend the amount, or record the rest by hand.",
                ErrorCode.AMOUNT_EXCEEDS_OPEN,
            )

    def _credit(self, account: Account, row: Row, settlement: SettlementRow) -> Present | None:
        found = self._found(account, EntryType.PAYMENT, settlement.reference)
        return _same(row.section, found, settlement)

    def _found(self, account: Account, kind: EntryType, reference: str) -> Sequence[Present]:
        return self._books.get((account.id, kind, reference), ())


def _same(
    section: str, found: Sequence[Present], entry: InvoiceRow | SettlementRow
) -> Present | None:
    """The entry of the books that says what the row says; None when they have none."""
    for each in found:
        if each.says(entry.amount, entry.on):
            return each
    if found:
        raise RowRefused(
            f"{section}.reference",
            f"The books have {found[0].number} under this reference, of {found[0].dated} over "
            f"{found[0].amount}; this row is of {entry.on} over {entry.amount}. What is posted "
            "stays: mend the row, or give it a reference of its own.",
            ErrorCode.CONFLICT,
        )
    return None


def _there(row: Row, *entries: Present) -> AlreadyThere:
    numbers = " and ".join(each.number for each in entries)
    return AlreadyThere(
        line=row.line, reason=f"In the books as {numbers}, of this date and amount."
    )


def _require_decimals(settlement: SettlementRow, currency: str) -> None:
    try:
        money.positive(settlement.amount, currency, "amount")
    except DomainError as error:
        raise RowRefused.of(error, "payment.amount") from error
