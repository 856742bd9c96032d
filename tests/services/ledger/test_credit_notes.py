"""What a credit note takes back of what its debit booked, tax included, and how much at most."""

import asyncio
from datetime import date
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.domain.invoice import LineItem
from app.services.ledger.commands import post_entries
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.invoices import PostInvoice
from tests.factories import DAY, Books, make_customer, new_key

Owner = asyncpg.Connection


async def invoice(books: Books, customer: UUID, *nets_and_rates: tuple[str, str]) -> UUID:
    command = PostInvoice(
        customer_id=customer,
        transaction_date=DAY,
        line_items=tuple(
            LineItem(
                description="Item",
                quantity=Decimal(1),
                unit_price=Decimal(net),
                tax_rate=Decimal(rate),
            )
            for net, rate in nets_and_rates
        ),
    )
    return (await books.post(command)).entry_ids[0]


async def credit(
    books: Books,
    customer: UUID,
    amount: str,
    against: UUID | None = None,
    tax_rate: str | None = None,
    on: date = DAY,
) -> UUID:
    command = IssueCreditNote(
        customer_id=customer,
        transaction_date=on,
        amount=Decimal(amount),
        reason="Damaged",
        against=against,
        tax_rate=None if tax_rate is None else Decimal(tax_rate),
    )
    return (await books.post(command)).entry_ids[0]


async def booked(owner: Owner, entry_id: UUID) -> list[tuple[str, str]]:
    """The journal by account, tax with its rate; debits above zero."""
    rows = await owner.fetch(
        "SELECT account, tax_rate, debit - credit AS moved FROM journal_lines "
        "WHERE source_id = $1 ORDER BY line_number",
        entry_id,
    )
    return [
        (row["account"] + (f" {row['tax_rate']:f}" if row["tax_rate"] else ""), str(row["moved"]))
        for row in rows
    ]


async def standing(owner: Owner, customer: UUID) -> dict[str, Decimal]:
    """What all of a customer's journal comes to, by account, revenue less returns; no zeros."""
    rows = await owner.fetch(
        """
        SELECT CASE account WHEN 'SALES_RETURNS' THEN 'REVENUE' ELSE account END AS account,
            sum(debit - credit) AS moved
        FROM journal_lines WHERE customer_id = $1 GROUP BY 1 HAVING sum(debit - credit) <> 0
        """,
        customer,
    )
    return {row["account"]: row["moved"] for row in rows}


async def test_its_tax_goes_back_in_proportion(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, ("100", "0.19"))

    half = await credit(books, customer, "59.50", sold)
    rest = await credit(books, customer, "59.50", sold)

    for note in (half, rest):
        assert await booked(owner, note) == [
            ("SALES_RETURNS", "50.00"),
            ("TAX_PAYABLE 0.1900", "9.50"),
            ("CUSTOMER_ADVANCES", "-59.50"),
        ]
    assert await standing(owner, customer) == {}


async def test_each_rate_for_itself(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, ("100", "0.19"), ("100", "0.07"), ("50", "0"))

    note = await credit(books, customer, "138", sold)

    assert await booked(owner, sold) == [
        ("ACCOUNTS_RECEIVABLE", "276.00"),
        ("REVENUE", "-250.00"),
        ("TAX_PAYABLE 0.1900", "-19.00"),
        ("TAX_PAYABLE 0.0700", "-7.00"),
    ]
    assert await booked(owner, note) == [
        ("SALES_RETURNS", "125.00"),
        ("TAX_PAYABLE 0.1900", "9.50"),
        ("TAX_PAYABLE 0.0700", "3.50"),
        ("CUSTOMER_ADVANCES", "-138.00"),
    ]


@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
async def test_many_notes_leave_nothing_and_never_take_more_than_there_is(
    books: Books, owner: Owner, currency: str
) -> None:
    customer = await make_customer(books.database, currency=currency)
    lines = [("101", "0.19"), ("7", "0.07"), ("3", "0"), ("1", "0.055")]
    sold = await invoice(books, customer, *lines)
    amount = await owner.fetchval("SELECT amount FROM ledger_entries WHERE id = $1", sold)
    unit = amount.as_tuple().exponent
    parts = [Decimal(share).scaleb(unit) for share in (1, 1, 2, 3, 1, 5)]
    parts.append(amount - sum(parts))

    for part in parts:
        note = await credit(books, customer, str(part), sold)
        moved = await owner.fetch(
            "SELECT debit, credit FROM journal_lines WHERE source_id = $1 "
            "AND account <> 'CUSTOMER_ADVANCES'",
            note,
        )
        assert sum(row["debit"] for row in moved) == part
        assert all(row["debit"] > 0 and row["credit"] == 0 for row in moved)
        left = await standing(owner, customer)
        assert left.get("REVENUE", 0) <= 0
        assert left.get("TAX_PAYABLE", 0) <= 0
    assert await standing(owner, customer) == {}
    with pytest.raises(DomainError) as refusal:
        await credit(books, customer, str(Decimal(1).scaleb(unit)), sold)
    assert refusal.value.code is ErrorCode.AMOUNT_EXCEEDS_OPEN


async def test_one_unit_at_a_time_in_thirds(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, ("1.01", "0.2"))

    notes = [await credit(books, customer, amount, sold) for amount in ("0.40", "0.40", "0.41")]

    taxes = [dict(await booked(owner, note))["TAX_PAYABLE 0.2000"] for note in notes]
    assert taxes == ["0.07", "0.06", "0.07"]
    assert await standing(owner, customer) == {}


@pytest.mark.parametrize(
    ("amount", "tax_rate", "net", "tax"),
    [
        ("119", "0.19", "100.00", "19.00"),
        ("0.01", "0.19", "0.01", None),
        ("1.00", "0.0700", "0.93", "0.07"),
        ("2", "1", "1.00", "1.00"),
        ("10", "0", "10.00", None),
        ("10", None, "10.00", None),
    ],
)
async def test_without_a_debit_the_rate_says_what_tax_it_contains(
    books: Books, owner: Owner, amount: str, tax_rate: str | None, net: str, tax: str | None
) -> None:
    customer = await make_customer(books.database)

    note = await credit(books, customer, amount, None, tax_rate)

    expected = {"SALES_RETURNS": net, "CUSTOMER_ADVANCES": f"-{Decimal(amount):.2f}"}
    if tax is not None:
        expected[f"TAX_PAYABLE {Decimal(tax_rate or 0):.4f}"] = tax
    assert dict(await booked(owner, note)) == expected


@pytest.mark.parametrize(
    ("items", "earlier", "amount", "tax_rate", "refused_for"),
    [
        ([("100", "0.19")], (), "11.90", "0.19", None),
        ([("100", "0.19")], (), "11.90", None, None),
        ([("100", "0.19")], (), "11.90", "0.07", ["0.1900"]),
        ([("100", "0.19")], (), "11.90", "0", ["0.1900"]),
        # What is left may be all tax, or none: the rate is that of what was booked.
        ([("1.00", "0.19")], ("1.18",), "0.01", "0.19", None),
        ([("1.00", "0.19")], ("1.18",), "0.01", "0", ["0.1900"]),
        ([("0.02", "0.19")], (), "0.02", "0.19", None),
        ([("0.02", "0.19")], (), "0.02", "0", ["0.1900"]),
        ([("100", "0")], (), "10", "0", None),
        ([("100", "0")], (), "10", "0.19", ["0.0000"]),
        ([("100", "0.19"), ("100", "0")], (), "119", "0.19", ["0.1900", "0.0000"]),
        ([("100", "0.19"), ("100", "0")], (), "100", "0", ["0.1900", "0.0000"]),
        ([("100", "0.19"), ("100", "0.07")], (), "10", "0.07", ["0.1900", "0.0700"]),
        ([("100", "0.19"), ("50", "0.19")], (), "10", "0.19", None),
        ([("100", "0.19"), ("0", "0.07")], (), "10", "0.19", None),
    ],
)
async def test_a_rate_beside_a_debit_must_be_that_of_all_its_lines(
    books: Books,
    items: list[tuple[str, str]],
    earlier: tuple[str, ...],
    amount: str,
    tax_rate: str | None,
    refused_for: list[str] | None,
) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, *items)
    for each in earlier:
        await credit(books, customer, each, sold)
    if refused_for is None:
        await credit(books, customer, amount, sold, tax_rate)
        return
    with pytest.raises(DomainError) as refusal:
        await credit(books, customer, amount, sold, tax_rate)
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.VALIDATION, ("taxRate",))
    assert refusal.value.details == {
        "taxRate": f"{Decimal(tax_rate or 0):.4f}",
        "ofTheDebit": refused_for,
    }


async def test_two_notes_in_one_batch_share_what_is_left(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, ("1.01", "0.2"))

    async def together(*amounts: str) -> list[list[tuple[str, str]]]:
        notes = [
            IssueCreditNote(
                customer_id=customer,
                transaction_date=DAY,
                amount=Decimal(amount),
                reason="Damaged",
                against=sold,
            )
            for amount in amounts
        ]
        posted = await books.database.run(
            lambda tx: post_entries(tx, books.actor, notes, idempotency_key=new_key())
        )
        return [await booked(owner, note) for note in posted.entry_ids]

    with pytest.raises(DomainError) as refusal:
        await together("0.61", "0.61")
    assert refusal.value.details == {"asked": "0.61", "left": "0.60"}
    taxes = [dict(note)["TAX_PAYABLE 0.2000"] for note in await together("0.40", "0.40", "0.41")]
    assert taxes == ["0.07", "0.06", "0.07"]
    assert await standing(owner, customer) == {}


@pytest.mark.parametrize("tax_rate", ["-0.1", "1.1", "0.12345", "NaN"])
async def test_a_rate_is_a_fraction(books: Books, tax_rate: str) -> None:
    customer = await make_customer(books.database)
    with pytest.raises(DomainError) as refusal:
        await credit(books, customer, "10", None, tax_rate)
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.VALIDATION, ("taxRate",))


@pytest.mark.parametrize("earlier", [(), ("60",), ("100", "18.99")])
async def test_all_notes_are_at_most_the_debit(books: Books, earlier: tuple[str, ...]) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, ("100", "0.19"))
    for amount in earlier:
        await credit(books, customer, amount, sold)
    left = Decimal("119.00") - sum(map(Decimal, earlier))

    with pytest.raises(DomainError) as refusal:
        await credit(books, customer, str(left + Decimal("0.01")), sold)

    error = refusal.value
    assert (error.code, error.path) == (ErrorCode.AMOUNT_EXCEEDS_OPEN, ("amount",))
    assert error.details == {"asked": str(left + Decimal("0.01")), "left": str(left)}
    await credit(books, customer, str(left), sold)


async def test_also_of_notes_at_once(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, ("100", "0"))

    outcomes = await asyncio.gather(
        *(credit(books, customer, "40", sold) for _ in range(5)), return_exceptions=True
    )

    assert sum(isinstance(each, UUID) for each in outcomes) == 2
    refused = [each for each in outcomes if isinstance(each, DomainError)]
    assert {each.code for each in refused} == {ErrorCode.AMOUNT_EXCEEDS_OPEN}
    assert await standing(owner, customer) == {
        "ACCOUNTS_RECEIVABLE": Decimal("20.00"),
        "REVENUE": Decimal("-20.00"),
    }


async def test_what_exceeds_the_open_part_is_advance(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, ("100", "0.19"))
    await books.pay(customer, "100")

    await credit(books, customer, "119", sold)

    account = await owner.fetchrow(
        "SELECT pending, advance FROM accounts WHERE customer_id = $1", customer
    )
    assert tuple(map(str, account)) == ("0.00", "100.00")


async def test_the_database_refuses_more_by_itself(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    sold = await invoice(books, customer, ("100", "0"))
    await credit(books, customer, "60", sold)
    columns = (
        "customer_id, type, currency, transaction_date, period_id, reason, related_entry_id, "
        "posted_by, posted_at"
    )
    await owner.execute("BEGIN")
    await owner.execute(
        f"INSERT INTO ledger_entries ({columns}, id, sequence, number, amount, "
        f"previous_hash, hash) SELECT {columns}, uuidv7(), sequence + 1, 'CRN-X', -50.00, "
        "hash, sha256(hash) FROM ledger_entries WHERE related_entry_id = $1",
        sold,
    )
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await owner.execute("SET CONSTRAINTS credit_notes_within_debit IMMEDIATE")
    await owner.execute("ROLLBACK")
    assert refusal.value.constraint_name == "credit_notes_within_debit"
