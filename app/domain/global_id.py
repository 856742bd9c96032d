"""Relay global ids: base64url of a type tag and the row's key, opaque to clients, stable for good.

A shared row is `2-byte tag + id` (18 bytes, 24 characters); a row that belongs to a customer is
`1-byte tag + customer_id + id` (33 bytes, 44 characters), so that `node(id:)` is one indexed
look-up (and one shard). Neither length needs base64 padding, and SQL builds the same text.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import NamedTuple
from uuid import UUID

from app.domain.errors import Invalid

SHARED_TAGS: dict[str, bytes] = {
    "Customer": b"Cu",
    "User": b"Us",
    "Team": b"Te",
    "Product": b"Pr",
    "AccountingPeriod": b"Pe",
    "ReconciliationRun": b"Rr",
    "PolicyRule": b"Po",
}
OWNED_TAGS: dict[str, bytes] = {
    "LedgerEntry": b"E",
    "Allocation": b"A",
    "DriftFinding": b"D",
    "AuditEvent": b"L",
}

_SHARED_LENGTH = 18
_OWNED_LENGTH = 33
_TYPE_OF_TAG = {tag: name for name, tag in (SHARED_TAGS | OWNED_TAGS).items()}


class GlobalId(NamedTuple):
    """A decoded id. `customer_id` is None for rows that belong to no customer."""

    type_name: str
    id: UUID
    customer_id: UUID | None = None


def encode(type_name: str, row_id: UUID, customer_id: UUID | None = None) -> str:
    """The global id of a row; owned types need their customer's key."""
    if customer_id is None:
        raw = SHARED_TAGS[type_name] + row_id.bytes
    else:
        raw = OWNED_TAGS[type_name] + customer_id.bytes + row_id.bytes
    return urlsafe_b64encode(raw).decode("ascii")


def customer_named_by(text: str) -> UUID | None:
    """The customer whose id, or whose row's id, this is; None for anything else."""
    try:
        decoded = decode(text)
    except Invalid:
        return None
    return decoded.id if decoded.type_name == "Customer" else decoded.customer_id


def decode(text: str, *path: str) -> GlobalId:
    """The parts of a global id; `Invalid` for anything this program cannot have issued."""
    try:
        raw = urlsafe_b64decode(text.encode("ascii"))
    except (UnicodeEncodeError, Base64Error, ValueError):
        raise Invalid("This is not an id.", *path) from None
    # b64decode skips characters outside its alphabet: only the canonical spelling is an id.
    if urlsafe_b64encode(raw).decode("ascii") != text:
        raise Invalid("This is not an id.", *path)
    if len(raw) == _SHARED_LENGTH and raw[:2] in _TYPE_OF_TAG:
        return GlobalId(_TYPE_OF_TAG[raw[:2]], UUID(bytes=raw[2:]))
    if len(raw) == _OWNED_LENGTH and raw[:1] in _TYPE_OF_TAG:
        return GlobalId(_TYPE_OF_TAG[raw[:1]], UUID(bytes=raw[17:]), UUID(bytes=raw[1:17]))
    raise Invalid("This is not an id.", *path)


def decode_as(type_name: str, text: str, *path: str) -> GlobalId:
    """As `decode`, and `Invalid` when the id names another type."""
    decoded = decode(text, *path)
    if decoded.type_name != type_name:
        raise Invalid(f"This is not the id of a {type_name}.", *path)
    return decoded
