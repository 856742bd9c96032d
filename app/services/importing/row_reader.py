"""From a record to a row: every rule that needs no data is asked, and the column named at fault."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.domain import customer_fields, money, text
from app.domain.currency import MINOR_UNIT_DIGITS
from app.domain.customer_fields import Address
from app.domain.errors import DomainError, Invalid
from app.services.customers.create import CreateCustomer, checked
from app.services.importing.bound import bind, is_for, values_of
from app.services.importing.mapping import ADDRESS_KEYS, ImportMapping
from app.services.importing.records import Record
from app.services.importing.refusals import RowRefused
from app.services.importing.rows import InvoiceRow, Row, SettlementRow
from app.services.importing.sources import Fields, Source

_REMEMBERED = 10_000
_OF_A_GROUP = 3
_NOBODY = UUID(int=0)
_CAPITAL = re.compile("([A-Z])")
# The mapping's key for what the rules find fault with, by the first word of the error's path.
_FAULTS = {
    "transactionDate": "date",
    "dueDate": "due_date",
    "externalReference": "reference",
    "description": "description",
    "method": "method",
}


class RowReader:
    """Reads the records of one file. Customers repeat: those read lately are remembered."""

    def __init__(self, mapping: ImportMapping, header: list[str]) -> None:
        positions = {name: index for index, name in enumerate(header)}
        self._mapping = mapping
        self._customer = bind(mapping, "customer", positions)
        self._invoice = bind(mapping, "invoice", positions)
        self._settlement = bind(mapping, "settlement", positions)
        self._payment = bind(mapping, "payment", positions)
        self._tags = [(source, source.bind(positions)) for source in mapping.tags]
        self._texts = [source.bind(positions) for source in mapping.customer.values()]
        self._known: dict[tuple[str, ...], _Known] = {}

    def read(self, record: Record) -> Row | None:
        """What the record means; None where `when` says that no section is for it.

        Raises RowRefused, which names the column.
        """
        fields = record.fields
        is_invoice = is_for(self._invoice, fields)
        is_payment = is_for(self._payment, fields)
        if is_invoice and is_payment:
            raise RowRefused(
                self._column("payment", "when"), "By the mapping this is an invoice and a payment."
            )
        if is_payment:
            return self._read_payment(record)
        if self._mapping.has_entries and not is_invoice:
            return None
        known = self._read_customer(fields)
        customer = known.customer
        invoice = self._read_invoice(fields, customer.currency) if is_invoice else None
        settlement = None
        if invoice is not None and self._settlement:
            settlement = self._read_settlement(fields, customer.currency, invoice)
        return Row(
            line=record.line,
            code=str(customer.code),  # an import always says one
            currency=customer.currency,
            customer=customer,
            described=known.described,
            tags=tuple(self._read_tags(fields)),
            invoice=invoice,
            settlement=settlement,
        )

    def values_of_customer(self, record: Record) -> dict[str, Any]:
        """What a record says of its customer, by key of the mapping. It was read before."""
        return self._read_customer(record.fields).values

    def column_of(self, key: str) -> str:
        """The column of a customer's key."""
        return self._column("customer", key)

    def _read_customer(self, fields: Fields) -> "_Known":
        seen = tuple([read(fields) for read in self._texts])
        known = self._known.get(seen)
        if known is None:
            values = values_of(self._customer, "customer", fields)
            described = orjson.dumps(values, default=_number, option=orjson.OPT_SORT_KEYS)
            known = _Known(self._new_customer(values), values, described)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[seen] = known
        return known

    def _new_customer(self, values: dict[str, Any]) -> CreateCustomer:
        customer = customer_of(values)
        try:
            checked(customer)
        except DomainError as error:
            raise RowRefused.of(error, self._column("customer", _customer_key(error))) from error
        self._require_clear(customer.credit_limit, customer.currency, "customer", "credit_limit")
        return customer

    def _read_invoice(self, fields: Fields, currency: str) -> InvoiceRow:
        values = values_of(self._invoice, "invoice", fields)
        try:
            invoice = InvoiceRow(
                reference=_reference(values["reference"], "externalReference"),
                on=values["date"],
                amount=_positive(values["amount"], currency),
                due_date=values.get("due_date"),
                description=values.get("description"),
            )
            invoice.command(_NOBODY, currency).draft()
        except DomainError as error:
            raise self._at_fault(error, "invoice") from error
        self._require_clear(values["amount"], currency, "invoice")
        return invoice

    def _read_settlement(
        self, fields: Fields, currency: str, invoice: InvoiceRow
    ) -> SettlementRow | None:
        """What the row says of the invoice's payment. A blank never moves money.

        Not settled is a row without date and amount, or with a zero instead of the latter. Where
        the mapping has no amount, the date settles all of the invoice; where its date is always the
        same, the amount alone says whether.
        """
        date, amount = self._settlement["date"], self._settlement.get("amount")
        is_dated = bool(date.read(fields))
        if amount is not None:
            paid = amount.read(fields)
            is_nothing = not paid or amount.parsed(paid) == 0
            if is_nothing and (not is_dated or date.source.constant):
                return None
            if not paid:
                raise RowRefused(
                    amount.source.column,
                    "There is no settlement.amount in this row, but a settlement.date.",
                )
        elif not is_dated:
            return None
        values = values_of(self._settlement, "settlement", fields)
        return self._settled(
            "settlement",
            currency,
            reference=invoice.reference,
            settles=invoice.reference,
            on=values["date"],
            amount=values.get("amount", invoice.amount),
            method=values["method"],
        )

    def _read_payment(self, record: Record) -> Row:
        values = values_of(self._payment, "payment", record.fields)
        currency = values.get("currency")
        if currency is None and "currency" in self._payment:
            raise RowRefused(
                self._column("payment", "currency"), "There is no payment.currency in this row."
            )
        try:
            code = customer_fields.code(values["customer"], "customer")
            invoice = _reference(values["invoice"], "invoice")
            if currency is not None:
                money.currency(currency, "currency")
        except DomainError as error:
            raise RowRefused.of(error, self._column("payment", str(error.path[0]))) from error
        settlement = self._settled(
            "payment",
            currency,
            reference=values["reference"],
            settles=invoice,
            on=values["date"],
            amount=values["amount"],
            method=values["method"],
        )
        return Row(line=record.line, code=code, currency=currency, settlement=settlement)

    def _settled(self, section: str, currency: str | None, **values: Any) -> SettlementRow:
        written = values["amount"]
        try:
            values["reference"] = _reference(values["reference"], "externalReference")
            values["amount"] = _positive(written, currency)
            settlement = SettlementRow(**values)
            settlement.command(_NOBODY, currency or "").draft()
        except DomainError as error:
            raise self._at_fault(error, section) from error
        self._require_clear(written, currency, section)
        return settlement

    def _require_clear(
        self, amount: Decimal, currency: str | None, section: str, key: str = "amount"
    ) -> None:
        """That the amount has no decimals which are maybe a group: 1.500 is 1.50, or 1500."""
        if self._mapping.file.group_mark or amount.as_tuple().exponent != -_OF_A_GROUP:
            return
        has_three = currency is not None and MINOR_UNIT_DIGITS[currency] >= _OF_A_GROUP
        if not has_three and 1 <= amount < 1000:
            raise RowRefused(
                self._column(section, key),
                "This amount has three decimals, or is a thousand times as much: say by "
                "file.decimal_mark and file.group_mark which.",
            )

    def _at_fault(self, error: DomainError, section: str) -> RowRefused:
        return RowRefused.of(error, self._column(section, _FAULTS.get(error.path[0], "amount")))

    def _read_tags(self, fields: Fields) -> list[str]:
        tags = []
        for source, read in self._tags:
            if tag := read(fields):
                try:
                    tags.extend(customer_fields.tags((tag,)))
                except DomainError as error:
                    raise RowRefused.of(error, source.column) from error
        return tags

    def _column(self, section: str, key: str) -> str:
        source: Source | None = getattr(self._mapping, section).get(key)
        return f"{section}.{key}" if source is None else source.column


@dataclass(frozen=True, slots=True)
class _Known:
    """A customer as some row has it."""

    customer: CreateCustomer
    values: dict[str, Any]
    described: bytes


def customer_of(values: dict[str, Any]) -> CreateCustomer:
    """The customer that these values of the mapping's keys describe."""
    given = dict(values)
    if isinstance(given.get("code"), str):
        given["code"] = text.composed(given["code"])
    address = {name: given.pop(f"address_{name}", None) for name in ADDRESS_KEYS}
    if any(address.values()):
        given["billing_address"] = Address(**{name: it or "" for name, it in address.items()})
    return CreateCustomer(**given)


def _reference(value: str, *path: str) -> str:
    return text.required(text.composed(value), *path, maximum=text.SHORT)


def _positive(amount: Decimal, currency: str | None) -> Decimal:
    """An amount of the currency; of any, where the row does not say which."""
    if amount < 0:
        raise Invalid(
            "This amount must be more than zero. A credit note is issued, a payment that came back "
            "reversed: neither is imported.",
            "amount",
        )
    return amount if currency is None else money.positive(amount, currency, "amount")


def _customer_key(error: DomainError) -> str:
    name = _CAPITAL.sub(lambda capital: f"_{capital[1].lower()}", error.path[-1])
    return f"address_{name}" if error.path[0] == "billingAddress" else name


def _number(value: Any) -> str:
    """One spelling for each number. A customer's values are texts, whole numbers and decimals."""
    if not isinstance(value, Decimal):
        raise TypeError(type(value))
    return str(value.normalize())
