"""What a file's columns mean, as its mapping declares it. See docs/importing.md."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.customer import CustomerType
from app.domain.ledger import PaymentMethod
from app.services.importing import formats
from app.services.importing.date_formats import date_reader
from app.services.importing.formats import choice, integer, number_reader
from app.services.importing.sources import Source

VERSION = 1
ENCODINGS = ("utf-8", "iso-8859-1", "iso-8859-15", "windows-1250", "windows-1252")
"""Those in which a byte below 128 is always that ASCII character, so that lines can be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFormat:
    """How the file is written."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    date_formats: tuple[str, ...] = ("%Y-%m-%d",)
    decimal_mark: str = "."
    group_mark: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FiscalYears:
    """Years that are opened when a row needs them, named after the year that they end in."""

    first: int
    last: int
    start_month: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportMapping:
    """The whole mapping. Keys of the four sections are those of `KEYS`; an absent one is empty."""

    file: FileFormat
    user: str | None
    fiscal_years: FiscalYears | None
    customer: Mapping[str, Source]
    tags: tuple[Source, ...]
    invoice: Mapping[str, Source]
    settlement: Mapping[str, Source]
    payment: Mapping[str, Source]
    digest: str

    @property
    def has_entries(self) -> bool:
        """Whether rows are of invoices or payments: one that is neither is passed over."""
        return bool(self.invoice or self.payment)

    @property
    def columns(self) -> list[str]:
        """Every column that is read, once."""
        sections = (self.customer, self.invoice, self.settlement, self.payment)
        sources = [source for section in sections for source in section.values()]
        return list(dict.fromkeys(name for each in (*sources, *self.tags) for name in each.columns))


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One key of a section: how its text is read, and whether the section needs it."""

    read: Callable[[FileFormat], Callable[[str], Any]]
    required: bool = False


def _plainly(read: Callable[[str], Any]) -> Callable[[FileFormat], Callable[[str], Any]]:
    return lambda _: read


_TEXT = Key(read=_plainly(formats.text))
_NEEDED_TEXT = Key(read=_plainly(formats.text), required=True)
_NAME = Key(read=_plainly(formats.identifier), required=True)
_DATE = Key(read=lambda file: date_reader(file.date_formats))
_NEEDED_DATE = Key(read=_DATE.read, required=True)
_NUMBER = Key(read=lambda file: number_reader(file.decimal_mark, file.group_mark))
_NEEDED_NUMBER = Key(read=_NUMBER.read, required=True)
_METHOD = Key(read=_plainly(choice(PaymentMethod, PaymentMethod.ACCOUNT)), required=True)

ADDRESS_KEYS = ("line1", "line2", "city", "region", "postal_code", "country")
KEYS: Mapping[str, Mapping[str, Key]] = {
    "customer": {
        "code": _NAME,
        "business_name": _NEEDED_TEXT,
        "currency": _NEEDED_TEXT,
        "contact_name": _TEXT,
        "email": _TEXT,
        "phone": _TEXT,
        "tax_id": _TEXT,
        "customer_type": Key(read=_plainly(choice(CustomerType))),
        "payment_terms_days": Key(read=_plainly(integer)),
        "credit_limit": _NUMBER,
        **{f"address_{name}": _TEXT for name in ADDRESS_KEYS},
    },
    "invoice": {
        "when": _TEXT,
        "reference": _NAME,
        "date": _NEEDED_DATE,
        "amount": _NEEDED_NUMBER,
        "due_date": _DATE,
        "description": _TEXT,
    },
    "settlement": {
        "date": _NEEDED_DATE,
        "method": _METHOD,
        "amount": _NUMBER,
    },
    "payment": {
        "when": _TEXT,
        "customer": _NAME,
        "invoice": _NAME,
        "date": _NEEDED_DATE,
        "amount": _NEEDED_NUMBER,
        "method": _METHOD,
        "reference": _NAME,
        "currency": _TEXT,
    },
}
"""`required` keys of a section must be in the mapping; in each row, they must have a value too,
but for a settlement, which a row may be without. `when` says which rows a section is for."""
