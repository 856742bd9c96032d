"""Credit notes that were booked wholly to SALES_RETURNS, before tax was taken back by rate."""

from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.domain.errors import DomainError
from tests.factories import Books, make_customer
from tests.invariants import broken
from tests.services.ledger.test_credit_notes import credit, invoice, standing

Owner = asyncpg.Connection


@pytest.fixture(autouse=True)
async def invariants_hold(owner: Owner) -> AsyncIterator[None]:
    """All but the one that the old notes break line by line, and not in the sum."""
    yield
    assert (await broken(owner)).keys() <= {"credit notes take back no more than was booked"}


@pytest.mark.parametrize(
    ("items", "earlier"),
    [
        ([("100", "0.19")], ["110"]),
        ([("100", "0.19")], ["118.99"]),
        ([("100", "0.19"), ("10", "0.07")], ["60", "60"]),
        ([("1", "1"), ("1", "0.5"), ("1", "0")], ["4"]),
        ([("1", "1"), ("1", "0.5"), ("1", "0")], ["3.50", "0.99"]),
    ],
)
async def test_notes_of_before_lines_were_told_apart_are_made_up_for(
    books: Books, owner: Owner, items: list[tuple[str, str]], earlier: list[str]
) -> None:
    """They took all from revenue, more of it than there was: what is left is other lines' money."""
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, *items)
    for amount in earlier:
        await _as_before(owner, await credit(books, customer, amount, sold), amount)
    amount = await owner.fetchval("SELECT amount FROM ledger_entries WHERE id = $1", sold)
    left = amount - sum(map(Decimal, earlier))

    with pytest.raises(DomainError) as refusal:
        await credit(books, customer, str(left + Decimal("0.01")), sold)
    assert refusal.value.details == {"asked": str(left + Decimal("0.01")), "left": str(left)}
    if left > Decimal("0.01"):
        await credit(books, customer, "0.01", sold)
        left -= Decimal("0.01")
    await credit(books, customer, str(left), sold)

    taken = await standing(owner, customer)
    assert taken.get("TAX_PAYABLE", 0) <= 0
    assert sum(taken.values()) == 0


async def _as_before(owner: Owner, note: UUID, amount: str) -> None:
    """Book it wholly to SALES_RETURNS."""
    async with owner.transaction():
        await owner.execute("ALTER TABLE journal_lines DISABLE TRIGGER USER")
        await owner.execute(
            "UPDATE journal_lines SET account = 'SALES_RETURNS', tax_rate = NULL, debit = $2 "
            "WHERE source_id = $1 AND line_number = "
            "(SELECT min(line_number) FROM journal_lines WHERE source_id = $1)",
            note,
            Decimal(amount).quantize(Decimal("0.01")),
        )
        await owner.execute(
            "DELETE FROM journal_lines WHERE source_id = $1 AND account <> 'CUSTOMER_ADVANCES' "
            "AND line_number > "
            "(SELECT min(line_number) FROM journal_lines WHERE source_id = $1)",
            note,
        )
        await owner.execute("ALTER TABLE journal_lines ENABLE TRIGGER USER")
