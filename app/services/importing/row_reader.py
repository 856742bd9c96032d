"""From a record to a row: every rule that needs no data is asked, and the column named at fault."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.domain import customer_fields, money, text
from app.domain.customer_fields import Address
from app.domain.errors import DomainError, Invalid
from app.services.customers.create import CreateCustomer, checked
from app.services.importing.formats import Unreadable
from app.services.importing.mapping import ADDRESS_KEYS, KEYS, ImportMapping
from app.services.importing.records import Record
from app.services.importing.refusals import RowRefused
from app.services.importing.rows import InvoiceRow, Row, SettlementRow
from app.services.importing.sources import Fields, Source

Described = dict[str, Any]

_REMEMBERED = 10_000
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
        self._customer = _bind(mapping, "customer", positions)
        self._invoice = _bind(mapping, "invoice", positions)
        self._settlement = _bind(mapping, "settlement", positions)
        self._payment = _bind(mapping, "payment", positions)
        self._tags = [(source, source.bind(positions)) for source in mapping.tags]
        self._texts = [source.bind(positions) for source in mapping.customer.values()]
        self._known: dict[tuple[str, ...], tuple[CreateCustomer, Described]] = {}

    def read(self, record: Record) -> Row | None:
        """What the record means; None where `when` says that no section is for it.

        Raises RowRefused, which names the column.
        """
        fields = record.fields
        is_invoice = _is_for(self._invoice, fields)
        is_payment = _is_for(self._payment, fields)
        if is_invoice and is_payment:
            raise RowRefused(
                self._column("payment", "when"), "By the mapping this is an invoice and a payment."
            )
        if is_payment:
            return self._read_payment(record)
        if self._mapping.has_entries and not is_invoice:
            return None
        customer, _ = self._read_customer(fields)
        invoice = self._read_invoice(fields, customer.currency) if is_invoice else None
        settlement = None
        if invoice is not None and self._settlement:
            settlement = self._read_settlement(fields, customer.currency, invoice)
        return Row(
            line=record.line,
            code=customer.code,
            currency=customer.currency,
            customer=customer,
            tags=tuple(self._read_tags(fields)),
            invoice=invoice,
            settlement=settlement,
        )

    def described(self, record: Record) -> Described:
        """What a record says about its customer, by key of the mapping. It was read before."""
        return self._read_customer(record.fields)[1]

    def column_of(self, key: str) -> str:
        """The column of a customer's key."""
        return self._column("customer", key)

    def _read_customer(self, fields: Fields) -> tuple[CreateCustomer, Described]:
        seen = tuple(read(fields) for read in self._texts)
        known = self._known.get(seen)
        if known is None:
            values = _values(self._customer, "customer", fields)
            known = self._new_customer(values), values
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[seen] = known
        return known

    def _new_customer(self, values: Described) -> CreateCustomer:
        customer = customer_of(values)
        try:
            checked(customer)
        except DomainError as error:
            raise RowRefused.of(error, self._column("customer", _customer_key(error))) from error
        return customer

    def _read_invoice(self, fields: Fields, currency: str) -> InvoiceRow:
        values = _values(self._invoice, "invoice", fields)
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
        values = _values(self._settlement, "settlement", fields)
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
        values = _values(self._payment, "payment", record.fields)
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
        try:
            values["reference"] = _reference(values["reference"], "externalReference")
            values["amount"] = _positive(values["amount"], currency)
            settlement = SettlementRow(**values)
            settlement.command(_NOBODY, currency or "").draft()
        except DomainError as error:
            raise self._at_fault(error, section) from error
        return settlement

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
class _Bound:
    """A key of a section, tied to the columns of a file."""

    source: Source
    read: Callable[[Fields], str]
    parse: Callable[[str], Any]
    required: bool

    def parsed(self, text: str) -> Any:
        """What the text says. Raises RowRefused for what cannot be read."""
        try:
            return self.parse(text)
        except Unreadable as error:
            raise RowRefused(self.source.column, str(error)) from error


def _bind(mapping: ImportMapping, section: str, positions: Mapping[str, int]) -> dict[str, _Bound]:
    return {
        key: _Bound(
            source,
            source.bind(positions),
            KEYS[section][key].read(mapping.file),
            KEYS[section][key].required,
        )
        for key, source in getattr(mapping, section).items()
    }


def _values(bound: Mapping[str, _Bound], section: str, fields: Fields) -> dict[str, Any]:
    """What the section's keys hold in this row, without those that hold nothing."""
    values = {}
    for key, each in bound.items():
        found = each.read(fields)
        if not found:
            if each.required:
                raise RowRefused(each.source.column, f"There is no {section}.{key} in this row.")
            continue
        values[key] = each.parsed(found)
    return values


def _is_for(section: Mapping[str, _Bound], fields: Fields) -> bool:
    """Whether a section is there, and for this row."""
    return bool(section) and ("when" not in section or bool(section["when"].read(fields)))


def customer_of(values: Described) -> CreateCustomer:
    """The customer that these values of the mapping's keys describe."""
    given = dict(values)
    address = {name: given.pop(f"address_{name}", None) for name in ADDRESS_KEYS}
    if any(address.values()):
        given["billing_address"] = Address(**{name: it or "" for name, it in address.items()})
    return CreateCustomer(**given)


def _reference(value: str, *path: str) -> str:
    return text.required(value, *path, maximum=text.SHORT)


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
