"""From a record to a row: every rule that needs no data is asked, and the column named at fault."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain import customer_fields, money, text
from app.domain.customer_fields import Address
from app.domain.errors import DomainError
from app.services.customers.create import CreateCustomer, checked
from app.services.importing.formats import Unreadable
from app.services.importing.mapping import ADDRESS_KEYS, KEYS, ImportMapping
from app.services.importing.records import Record
from app.services.importing.refusals import RowRefused
from app.services.importing.rows import InvoiceRow, Row, SettlementRow
from app.services.importing.sources import Fields, Source

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
        self._tags = [(source, source.bind(positions)) for source in mapping.tags]
        self._texts = [source.bind(positions) for source in mapping.customer.values()]
        self._known: dict[tuple[str, ...], CreateCustomer] = {}

    def read(self, record: Record) -> Row:
        """What the record means. Raises RowRefused, which names the column."""
        fields = record.fields
        customer = self._read_customer(fields)
        invoice = self._read_invoice(fields, customer.currency) if self._invoice else None
        settlement = None
        if invoice is not None and self._settlement:
            settlement = self._read_settlement(fields, customer.currency, invoice)
        return Row(
            line=record.line,
            customer=customer,
            tags=tuple(self._read_tags(fields)),
            invoice=invoice,
            settlement=settlement,
        )

    def _read_customer(self, fields: Fields) -> CreateCustomer:
        seen = tuple(read(fields) for read in self._texts)
        customer = self._known.get(seen)
        if customer is None:
            customer = self._new_customer(fields)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[seen] = customer
        return customer

    def _new_customer(self, fields: Fields) -> CreateCustomer:
        values = _values(self._customer, "customer", fields)
        address = {name: values.pop(f"address_{name}", None) for name in ADDRESS_KEYS}
        if any(address.values()):
            given = {name: value or "" for name, value in address.items()}
            values["billing_address"] = Address(**given)
        customer = CreateCustomer(**values)
        try:
            checked(customer)
        except DomainError as error:
            raise RowRefused.of(error, self._column("customer", _customer_key(error))) from error
        return customer

    def _read_invoice(self, fields: Fields, currency: str) -> InvoiceRow:
        values = _values(self._invoice, "invoice", fields)
        try:
            invoice = InvoiceRow(
                reference=text.required(
                    values["reference"], "externalReference", maximum=text.SHORT
                ),
                on=values["date"],
                amount=money.positive(values["amount"], currency, "amount"),
                due_date=values.get("due_date"),
                description=values.get("description"),
            )
            invoice.command(_NOBODY, currency).draft()
        except DomainError as error:
            key = _FAULTS.get(error.path[0], "amount")
            raise RowRefused.of(error, self._column("invoice", key)) from error
        return invoice

    def _read_settlement(
        self, fields: Fields, currency: str, invoice: InvoiceRow
    ) -> SettlementRow | None:
        if not self._settlement["date"].read(fields):
            return None
        values = _values(self._settlement, "settlement", fields)
        try:
            settlement = SettlementRow(
                reference=invoice.reference,
                on=values["date"],
                amount=money.positive(values.get("amount", invoice.amount), currency, "amount"),
                method=values["method"],
            )
            settlement.command(_NOBODY, currency).draft()
        except DomainError as error:
            key = _FAULTS.get(error.path[0], "amount")
            raise RowRefused.of(error, self._column("settlement", key)) from error
        return settlement

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
        try:
            values[key] = each.parse(found)
        except Unreadable as error:
            raise RowRefused(each.source.column, str(error)) from error
    return values


def _customer_key(error: DomainError) -> str:
    name = _CAPITAL.sub(lambda capital: f"_{capital[1].lower()}", error.path[-1])
    return f"address_{name}" if error.path[0] == "billingAddress" else name
