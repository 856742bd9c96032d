"""The database hashes an entry as the domain does, to the last byte."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.domain.hashing import FinancialFields, LineFigures, entry_hash
from tests.planner.company import Company
from tests.planner.conftest import PROFILE

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
ENTRY_ID = UUID(int=7)


def amounts(digits: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**12), 10**12).map(lambda whole: Decimal(whole).scaleb(-digits))


@st.composite
def entries(draw: st.DrawFn) -> FinancialFields:
    digits = draw(st.sampled_from((0, 2, 3)))
    line = st.builds(
        LineFigures,
        product_id=st.none() | st.uuids(),
        quantity=amounts(4),
        unit_price=amounts(4),
        discount=amounts(digits),
        tax_rate=st.integers(0, 9999).map(lambda whole: Decimal(whole).scaleb(-4)),
        total=amounts(digits),
    )
    return FinancialFields(
        customer_id=draw(st.uuids()),
        sequence=draw(st.integers(1, 2**62)),
        number=draw(TEXT),
        type=draw(TEXT),
        amount=draw(amounts(digits)),
        currency=draw(TEXT),
        transaction_date=draw(st.dates(max_value=date(9999, 12, 30))),
        due_date=draw(st.none() | st.dates(max_value=date(9999, 12, 30))),
        posted_at=draw(
            st.datetimes(datetime(1900, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
        ),
        payment_method=draw(st.none() | TEXT),
        reference_type=draw(st.none() | TEXT),
        related_entry_id=draw(st.none() | st.uuids()),
        lines=tuple(draw(st.lists(line, max_size=12))),
    )


async def _hashed(
    connection: "asyncpg.Connection[asyncpg.Record]", previous: bytes, fields: FinancialFields
) -> bytes:
    """By the database, in a transaction that never was."""
    row = {name: getattr(fields, name) for name in FinancialFields.__slots__ if name != "lines"}
    row |= {"id": ENTRY_ID, "amount": str(fields.amount), "previous_hash": rf"\x{previous.hex()}"}
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("ALTER TABLE entry_lines DISABLE TRIGGER USER")
    # Session settings change how values are written, and must not change what is hashed.
    await connection.execute("SET LOCAL TimeZone = 'Asia/Kathmandu'")
    await connection.execute("SET LOCAL DateStyle = 'SQL, DMY'")
    await connection.execute("ALTER TABLE entry_lines DROP CONSTRAINT ck_entry_lines_exact_money")
    # In any physical order: what counts is the number of the line.
    for number, line in reversed(list(enumerate(fields.lines, start=1))):
        figures = [getattr(line, name) for name in LineFigures.__slots__]
        await connection.execute(
            "INSERT INTO entry_lines (customer_id, entry_id, line_number, description, currency, "
            f"{', '.join(LineFigures.__slots__)}) VALUES ($1, $2, $3, '', 'EUR', "
            "$4, $5, $6, $7, $8, $9)",
            *(fields.customer_id, ENTRY_ID, number, *figures),
        )
    found: bytes = await connection.fetchval(
        "SELECT entry_hash(jsonb_populate_record(NULL::ledger_entries, $1))",
        orjson.dumps(row).decode(),
    )
    await transaction.rollback()
    return found


def test_sql_and_python_hash_alike(company: Company) -> None:
    @PROFILE
    @given(previous=st.binary(min_size=32, max_size=32), fields=entries())
    def alike(previous: bytes, fields: FinancialFields) -> None:
        async def work(connection: Any) -> bytes:
            return await _hashed(connection, previous, fields)

        assert company.planned.as_owner(work) == entry_hash(previous, fields)

    alike()
