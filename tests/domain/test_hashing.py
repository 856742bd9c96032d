"""The hash chain's format never changes: a golden value, and every field counts."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.domain.hashing import GENESIS, FinancialFields, LineFigures, entry_hash

LINE = LineFigures(
    product_id=UUID("0198c0de-0000-7000-8000-000000000003"),
    quantity=Decimal("2.0000"),
    unit_price=Decimal("10.5000"),
    discount=Decimal("1.00"),
    tax_rate=Decimal("0.1900"),
    total=Decimal("23.80"),
)
ENTRY = FinancialFields(
    customer_id=UUID("0198c0de-0000-7000-8000-000000000001"),
    sequence=1,
    number="INV-000001",
    type="INVOICE",
    amount=Decimal("23.80"),
    currency="EUR",
    transaction_date=date(2026, 3, 10),
    due_date=date(2026, 4, 9),
    posted_at=datetime(2026, 3, 10, 9, 30, 0, 123456, tzinfo=UTC),
    payment_method=None,
    reference_type=None,
    related_entry_id=None,
    lines=(LINE,),
)
GOLDEN = "ccd4e1cefb8e148d3973d8245d520d571588032b6e6f91cbb8a23a2f041644ad"


def test_the_format_is_what_it_was() -> None:
    assert entry_hash(GENESIS, ENTRY).hex() == GOLDEN


CHANGES: dict[str, Any] = {
    "customer_id": UUID(int=1),
    "sequence": 2,
    "number": "INV-000002",
    "type": "PAYMENT",
    "amount": Decimal("23.81"),
    "currency": "USD",
    "transaction_date": date(2026, 3, 11),
    "due_date": None,
    "posted_at": datetime(2026, 3, 10, 9, 30, 0, 123457, tzinfo=UTC),
    "payment_method": "CASH",
    "reference_type": "IMPORT",
    "related_entry_id": UUID(int=2),
    "lines": (),
}


@pytest.mark.parametrize("name", [field.name for field in fields(FinancialFields)])
def test_every_field_counts(name: str) -> None:
    assert entry_hash(GENESIS, replace(ENTRY, **{name: CHANGES[name]})).hex() != GOLDEN


def test_the_predecessor_counts() -> None:
    assert entry_hash(bytes(31) + b"\x01", ENTRY).hex() != GOLDEN


def test_text_cannot_move_from_one_field_to_the_next() -> None:
    moved = replace(ENTRY, number="INV-00000", type="1INVOICE")
    assert entry_hash(GENESIS, moved) != entry_hash(GENESIS, ENTRY)
