"""The hash chain of a customer's entries.

`hash = sha256(version byte, previous hash, canonical encoding of every financial field)`. No
personal data is hashed: no names, no free text. The chain of a customer starts from 32 zero bytes.

Canonical encoding, version 1: the fields of `FinancialFields` in declaration order, each as UTF-8
text preceded by its length in bytes as a 4-byte big-endian integer; an absent value is length
0xFFFFFFFF. Money is plain decimal text at its scale, dates are ISO 8601, instants are whole
microseconds since
1970-01-01T00:00:00Z, ids are lower-case hyphenated UUIDs.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

VERSION = b"\x01"
GENESIS = bytes(32)
_ABSENT = b"\xff\xff\xff\xff"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineFigures:
    """The figures of one line item: everything but its wording."""

    product_id: UUID | None
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal
    tax_rate: Decimal
    total: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class FinancialFields:
    """What an entry's hash covers. The fields' order is the format: never reorder, only version."""

    customer_id: UUID
    sequence: int
    number: str
    type: str
    amount: Decimal
    currency: str
    transaction_date: date
    due_date: date | None
    posted_at: datetime
    payment_method: str | None
    reference_type: str | None
    related_entry_id: UUID | None
    lines: tuple[LineFigures, ...]


def entry_hash(previous: bytes, fields: FinancialFields) -> bytes:
    """The 32-byte hash of an entry whose predecessor's hash is `previous`."""
    digest = hashlib.sha256(VERSION)
    digest.update(previous)
    digest.update(canonical(fields))
    return digest.digest()


def canonical(fields: FinancialFields) -> bytes:
    """The version 1 encoding that the hash covers."""
    *plain, lines = (getattr(fields, name) for name in FinancialFields.__slots__)
    parts = [_encode(value) for value in plain]
    parts.append(_encode(len(lines)))
    for line in lines:
        parts.extend(_encode(getattr(line, name)) for name in LineFigures.__slots__)
    return b"".join(parts)


def _encode(value: object) -> bytes:
    if value is None:
        return _ABSENT
    if isinstance(value, datetime):
        text = str((value - _EPOCH) // timedelta(microseconds=1))
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, Decimal):
        text = f"{value:f}"
    else:
        text = str(value)
    raw = text.encode()
    return len(raw).to_bytes(4, "big") + raw
