"""What comes in, what stays out and why, and that nothing comes in twice or by halves."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any
from zlib import crc32

import pytest

from app.domain.errors import ErrorCode
from app.policies.roles import Role
from app.services.importing import present
from app.services.importing.refusals import ImportRefused
from tests.factories import Books, actor_for, make_customer
from tests.importing.conftest import MAPPING, Importing
from tests.invariants import broken, snapshot

Owner = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture(autouse=True)
async def sound_books(owner: Owner) -> Any:
    """Whatever a test imports and closes: every invariant holds afterwards; all is open again."""
    yield
    assert await broken(owner) == {}
    await owner.execute("UPDATE accounting_periods SET status = 'OPEN', closed_at = NULL")


async def entries_of(owner: Owner, code: str) -> list[tuple[Any, ...]]:
    rows = await owner.fetch(
        """
        SELECT e.type, e.transaction_date, e.amount, coalesce(o.open_amount, 0) AS open
        FROM ledger_entries e JOIN customers ON customers.id = e.customer_id
            LEFT JOIN open_items o ON o.customer_id = e.customer_id AND o.entry_id = e.id
        WHERE customers.code = $1 ORDER BY e.sequence
        """,
        code,
    )
    return [tuple(row) for row in rows]


async def test_entries_are_posted_in_order_of_date(importing: Importing, owner: Owner) -> None:
    done = await importing("o,1,2020-05-01,10,2020-06-01\no,2,2020-02-01,20,2020-05-15\n")
    assert done.counts == {"customers": 1, "invoices": 2, "settlements": 2}
    assert await entries_of(owner, "o") == [
        ("INVOICE", date(2020, 2, 1), Decimal("20.00"), 0),
        ("INVOICE", date(2020, 5, 1), Decimal("10.00"), 0),
        ("PAYMENT", date(2020, 5, 15), Decimal("-20.00"), 0),
        ("PAYMENT", date(2020, 6, 1), Decimal("-10.00"), 0),
    ]
    # Each payment is used on the invoice of its row, not on what is due longest.
    pairs = await owner.fetch("""
        SELECT c.external_reference AS credit, d.external_reference AS debit, a.accounting_date
        FROM allocations a JOIN ledger_entries c ON c.id = a.credit_id
            JOIN ledger_entries d ON d.id = a.debit_id
            JOIN customers ON customers.id = a.customer_id AND customers.code = 'o'
        ORDER BY 1
    """)
    assert [tuple(pair) for pair in pairs] == [
        ("1", "1", date(2020, 6, 1)),
        ("2", "2", date(2020, 5, 15)),
    ]


async def test_money_that_came_before_its_invoice(importing: Importing, owner: Owner) -> None:
    """The payment keeps its date, and is used on the day there is something to use it on."""
    await importing("early,1,2020-05-01,10,2020-04-01\n")
    assert await entries_of(owner, "early") == [
        ("INVOICE", date(2020, 5, 1), Decimal("10.00"), 0),
        ("PAYMENT", date(2020, 4, 1), Decimal("-10.00"), 0),
    ]


PARTLY = MAPPING + 'amount = { column = "money" }\n'
PARTLY_HEADER = "code,number,date,amount,paid,money\n"


async def test_a_settlement_in_part_and_one_above(importing: Importing, owner: Owner) -> None:
    await importing(
        "part,1,2020-05-01,10,2020-05-02,4\npart,2,2020-05-01,10,2020-05-03,15\n",
        mapping=PARTLY,
        header=PARTLY_HEADER,
    )
    opens = [(kind, left) for kind, _, _, left in await entries_of(owner, "part")]
    assert opens == [("INVOICE", 6), ("INVOICE", 0), ("PAYMENT", 0), ("PAYMENT", 5)]


async def test_the_same_again_changes_nothing(importing: Importing, owner: Owner) -> None:
    rows = "twice,1,2020-05-01,10,2020-05-02\ntwice,2,2020-06-01,10,\n"
    await importing(rows)
    before = await snapshot(owner)
    done = await importing(rows)
    assert done.counts == {"rows_already_there": 2}
    after = await snapshot(owner)
    assert after.pop("audit_events") != before.pop("audit_events")  # that it was imported again
    assert after == before


async def test_a_file_that_grew(importing: Importing, owner: Owner) -> None:
    """By another user, under another mapping: what is there stays, what is new comes in."""
    await importing("grow,1,2020-05-01,10,\n")
    other = await actor_for(importing.database, Role.INTEGRATOR)
    done = await importing(
        "grow,1,2020-05-01,10,2020-07-01\ngrow,2,2020-06-01,20,\n",
        mapping=MAPPING.replace("CHEQUE", "CARD"),
        actor=other,
    )
    assert done.counts == {"invoices": 1, "settlements": 1}
    assert [entry[0::3] for entry in await entries_of(owner, "grow")] == [
        ("INVOICE", 0),
        ("INVOICE", 20),
        ("PAYMENT", 0),
    ]


async def test_a_reference_that_means_something_else_now(importing: Importing) -> None:
    await importing("else,1,2020-05-01,10,2020-05-02\nelse,2,2020-05-01,10,\n")
    done = await importing("else,1,2020-05-01,11,\nelse,2,2020-05-02,10,\n")
    assert {each.code for each in done.refusals} == {ErrorCode.CONFLICT}
    assert done.counts == {}


async def test_a_settlement_of_what_was_paid_meanwhile(importing: Importing) -> None:
    header, row = PARTLY_HEADER, "paid,1,2020-05-01,10,{},{}\n"
    await importing(row.format("2020-05-02", "4"), mapping=PARTLY, header=header)
    done = await importing(row.format("2020-05-02", "10"), mapping=PARTLY, header=header)
    assert [each.code for each in done.refusals] == [ErrorCode.CONFLICT]


async def test_a_settlement_of_what_somebody_has_recorded_by_hand(importing: Importing) -> None:
    await importing("hand,1,2020-05-01,10,\n")
    async with importing.database.transaction() as tx:
        customer_id = await tx.connection.fetchval("SELECT id FROM customers WHERE code = 'hand'")
    books = Books(importing.database, importing.actor)
    await books.pay(customer_id, "4", on=date(2020, 5, 2))
    done = await importing("hand,1,2020-05-01,10,2020-05-03\n")
    assert [each.code for each in done.refusals] == [ErrorCode.AMOUNT_EXCEEDS_OPEN]
    assert done.counts == {}


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (",1,2020-03-01,5,", "code", "There is no customer.code in this row."),
        ("{},,2020-03-01,5,", "number", "There is no invoice.reference in this row."),
        ("{},1,,5,", "date", "There is no invoice.date in this row."),
        ("{},1,03/01/2020,5,", "date", "This is not a date written as %Y-%m-%d."),
        ("{},1,2020-02-30,5,", "date", "This is not a date written as %Y-%m-%d."),
        ("{},1,1850-02-01,5,", "date", "The year must be between 1900 and 2200."),
        ("{},1,2019-12-31,5,", "invoice.date", "No accounting period covers 2019-12-31."),
        ("{},1,2020-03-01,5,2022-01-01", "settlement.date", "No accounting period covers"),
        ("{},1,2020-03-01,5,2020-13-01", "paid", "This is not a date written as %Y-%m-%d."),
        ("{},1,2020-03-01,0,", "amount", "This amount must be more than zero."),
        ("{},1,2020-03-01,-5,", "amount", "This amount must be more than zero."),
        ("{},1,2020-03-01,5.001,", "amount", "USD amounts have at most 2 decimals."),
        ("{},1,2020-03-01,1e3,", "amount", "This is not a number as the mapping describes them."),
        ("{},1,2020-03-01,NaN,", "amount", "This is not a number as the mapping describes them."),
        ("{},1,2020-03-01,1000000000000000,", "amount", "This amount is out of range."),
        ("{},1\x07,2020-03-01,5,", "number", "This text holds control characters."),
        (
            "{}" + "x" * 40 + ",1,2020-03-01,5,",
            "code",
            "This must be 1 to 40 printable characters without surrounding blanks.",
        ),
    ],
)
async def test_a_row_that_is_refused_is_refused_whole(
    importing: Importing, owner: Owner, row: str, column: str, reason: str
) -> None:
    code = f"bad{crc32(row.encode())}"
    done = await importing(row.format(code) + f"\n{code}-good,1,2020-03-01,5,2020-03-02\n")
    assert [(each.line, each.column) for each in done.refusals] == [(2, column)]
    assert done.refusals[0].reason.startswith(reason)
    assert done.counts == {"customers": 1, "invoices": 1, "settlements": 1}
    assert not await owner.fetchval("SELECT count(*) FROM customers WHERE code = $1", code)


async def test_customers_are_described_and_tagged_by_all_their_rows(
    importing: Importing, owner: Owner
) -> None:
    mapping = """
        version = 1
        tags = [{ column = "late", values = { Yes = "late" }, otherwise = "" }]
        [customer]
        code = { column = "code" }
        business_name = { column = "name" }
        currency = { column = "currency" }
        email = { column = "email" }
        credit_limit = { value = "250.5" }
        customer_type = { column = "kind", values = { S = "RETAIL", B = "WHOLESALE" } }
        address_line1 = { column = "street" }
        address_city = { value = "Oslo" }
        address_country = { value = "NO" }
    """
    done = await importing(
        "desc,First,JPY,,S,1 Road,No\n"
        "desc,First,JPY,a@b.example,S,1 Road,Yes\n"
        "desc3,Third,USD,nobody,S,1 Road,\n"
        "desc4,Fourth,USD,,X,1 Road,\n"
        "desc5,Fifth,XXX,,S,1 Road,\n"
        "desc6,Sixth,USD,,S,,\n",
        mapping=mapping.replace("250.5", "250"),
        header="code,name,currency,email,kind,street,late\n",
    )
    assert done.counts == {"customers": 1}
    assert done.reasons == {
        4: ("email", "This is not an e-mail address."),
        5: ("kind", "The mapping does not say what this value means."),
        6: ("currency", "This is not an ISO 4217 currency code."),
        7: ("street", "This text must not be blank."),
    }
    row = await owner.fetchrow("SELECT * FROM customers WHERE code = 'desc'")
    assert row is not None
    assert (row["business_name"], row["currency"], row["tags"]) == ("First", "JPY", ["late"])
    assert (row["customer_type"], row["address_line1"]) == ("RETAIL", "1 Road")
    assert row["email"] == "a@b.example"


async def test_other_ways_to_write_dates_and_numbers(importing: Importing, owner: Owner) -> None:
    mapping = MAPPING.replace(
        "version = 1",
        """version = 1
        [file]
        encoding = "windows-1252"
        delimiter = ";"
        date_formats = ["%d.%m.%Y", "%Y/%m/%d"]
        decimal_mark = ","
        group_mark = "."
        """,
    )
    done = await importing(
        "Bäcker;1;31.01.2020;1.234,50;2020/02/01\nBäcker;2;31.01.2020;1.23,5;\n".encode("cp1252"),
        mapping=mapping,
        header="code;number;date;amount;paid\n",
    )
    assert list(done.reasons) == [3]
    assert await entries_of(owner, "Bäcker") == [
        ("INVOICE", date(2020, 1, 31), Decimal("1234.50"), 0),
        ("PAYMENT", date(2020, 2, 1), Decimal("-1234.50"), 0),
    ]


async def test_customers_that_are_there_already(importing: Importing) -> None:
    await make_customer(importing.database, code="there", currency="EUR")
    await make_customer(importing.database, code="usable", currency="USD")
    deleted = await make_customer(importing.database, code="gone", currency="USD")
    async with importing.database.transaction() as tx:
        await tx.connection.execute(
            "UPDATE customers SET status = 'DELETED', deleted_at = now() WHERE id = $1", deleted
        )
    done = await importing("there,1,2020-03-01,5,\nusable,1,2020-03-01,5,\ngone,1,2020-03-01,5,\n")
    assert {each.line: each.code for each in done.refusals} == {
        2: ErrorCode.CURRENCY_MISMATCH,
        4: ErrorCode.CUSTOMER_DELETED,
    }
    assert done.counts == {"invoices": 1}


async def test_rows_of_customers_alone(importing: Importing, owner: Owner) -> None:
    """One that is there stays as it is, and is told as there."""
    mapping = MAPPING[: MAPPING.index("[invoice]")].replace("{code}", "{number}")
    await make_customer(importing.database, code="old", currency="USD", business_name="Old")
    rows = "old,new name,,,\nfresh,new name,,,\n"
    done = await importing(rows, mapping=mapping)
    assert done.counts == {"customers": 1, "rows_already_there": 1}
    assert [each.line for each in done.there] == [2]
    names = await owner.fetch(
        "SELECT business_name FROM customers WHERE code IN ('old', 'fresh') ORDER BY code"
    )
    assert [row["business_name"] for row in names] == ["Customer new name", "Old"]


async def test_a_closed_period_takes_nothing(importing: Importing, owner: Owner) -> None:
    await importing("closing,1,2021-01-10,5,\n")
    await owner.execute("""
        UPDATE accounting_periods SET status = 'CLOSED', closed_at = now() + interval '1 hour'
        WHERE name = '2021-02'
    """)
    done = await importing(
        "closing,2,2021-03-11,5,2021-02-01\nclosing,3,2021-01-12,5,\nclosing,4,2021-03-12,5,\n"
    )
    assert done.reasons == {
        2: ("settlement.date", "2021-02-01 is in 2021-02, which is closed."),
        3: ("invoice.date", "2021-01-12 is before 2021-02, which is closed."),
    }
    assert {each.code for each in done.refusals} == {ErrorCode.PERIOD_CLOSED}
    assert done.counts == {"invoices": 1}


async def test_what_is_there_may_lie_in_a_period_that_was_closed_since(
    importing: Importing, owner: Owner
) -> None:
    await importing("shut,1,2021-10-01,5,2021-10-02\nshut,2,2021-10-01,5,\n")
    await owner.execute("""
        UPDATE accounting_periods SET status = 'CLOSED', closed_at = now() + interval '1 hour'
        WHERE name = '2021-10'
    """)
    again = await importing(
        "shut,1,2021-10-01,5,2021-10-02\n"
        "shut,2,2021-10-01,5,2021-11-02\n"
        "shut,3,2021-10-01,5,2021-11-02\n"
    )
    assert again.reasons == {4: ("invoice.date", "2021-10-01 is in 2021-10, which is closed.")}
    assert again.counts == {"settlements": 1, "rows_already_there": 1}


async def test_a_dry_run_leaves_nothing(importing: Importing, owner: Owner) -> None:
    before = await snapshot(owner)
    mapping = MAPPING.replace("last = 2021", "last = 2022")
    done = await importing(
        "dry,1,2022-03-01,5,2022-03-02\ndry,2,2023-03-01,5,\n", mapping=mapping, is_dry_run=True
    )
    assert done.counts == {"customers": 1, "invoices": 1, "settlements": 1}
    assert done.summary.fiscal_years == 1
    assert list(done.reasons) == [3]
    assert await snapshot(owner) == before


async def test_a_dry_run_counts_as_the_import_does(importing: Importing) -> None:
    """Over several portions, each of which makes its customers again."""
    mapping = MAPPING.replace("last = 2021", "last = 2025")
    await importing("many,7,2023-03-01,5,\n", mapping=mapping)
    rows = [f"many,{n},2023-03-01,5,2024-04-01\n" for n in range(520)]
    rows += [f"more,{n},202{n % 3 + 4}-03-01,5,\n" for n in range(1_020)]
    rows += ["less,1,2023-03-01,5,\n", "less,3,2023-03-01,5,\n", "less,3,2023-03-01,6,\n"]
    rows += ["less,2,2050-03-01,5,\n"]
    rows += ["many,6,2023-03-01,nothing,\n", "never,1,2050-03-01,5,\n", "last,1,2023-03-01,5,\n"]
    tried, done = [
        await importing("".join(rows), mapping=mapping, is_dry_run=is_dry_run)
        for is_dry_run in (True, False)
    ]
    assert tried.summary == done.summary
    assert sorted(tried.refusals, key=str) == sorted(done.refusals, key=str)
    assert done.summary.counts.customers == 3
    assert done.summary.fiscal_years == 2
    assert done.summary.counts.rows_already_there == 0
    again = [
        await importing("".join(rows), mapping=mapping, is_dry_run=is_dry_run)
        for is_dry_run in (True, False)
    ]
    assert again[0].summary == again[1].summary


async def test_it_passes_through_the_same_rights(importing: Importing, owner: Owner) -> None:
    database = importing.database
    before = await owner.fetchval("SELECT count(*) FROM ledger_entries")
    controller = await actor_for(database, Role.CONTROLLER)
    done = await importing("rights,1,2020-03-01,5,\n", actor=controller)
    assert [each.code for each in done.refusals] == [ErrorCode.FORBIDDEN]
    accountant = await actor_for(database, Role.ACCOUNTANT)
    later = MAPPING.replace("last = 2021", "last = 2040")
    for is_dry_run in (True, False):
        with pytest.raises(ImportRefused, match="fiscal years"):
            await importing(
                "rights,1,2040-03-01,5,\n",
                actor=accountant,
                mapping=later,
                is_dry_run=is_dry_run,
            )
    assert await owner.fetchval("SELECT count(*) FROM ledger_entries") == before


async def test_a_user_who_is_suspended_meanwhile(importing: Importing, owner: Owner) -> None:
    actor = await actor_for(importing.database, Role.ACCOUNTANT)
    await owner.execute("UPDATE users SET is_active = false WHERE id = $1", actor.user_id)
    with pytest.raises(ImportRefused, match="changed"):
        await importing("suspended,1,2020-03-01,5,\n", actor=actor)


async def test_the_trail_names_the_file(importing: Importing, owner: Owner) -> None:
    await importing("trail,1,2020-03-01,5,\n")
    events = await owner.fetch(
        "SELECT action, request_id FROM audit_events WHERE actor_id = $1 ORDER BY id",
        importing.actor.user_id,
    )
    assert {"createCustomer", "postEntries", "import"} <= {event["action"] for event in events}
    assert len({event["request_id"] for event in events}) == 1
    assert events[0]["request_id"].startswith("import ")


async def test_only_one_of_two_imports_at_once_posts_a_row(
    importing: Importing, owner: Owner
) -> None:
    rows = "".join(f"race{n % 3},{n},2020-03-01,5,2020-04-01\n" for n in range(60))
    other = Importing(
        importing.database,
        await actor_for(importing.database, Role.ACCOUNTANT),
        importing.place,
    )
    both = await asyncio.gather(importing(rows), other(rows))
    assert sum(each.counts.get("invoices", 0) for each in both) == 60
    assert sum(each.counts.get("rows_already_there", 0) for each in both) == 60
    assert await owner.fetchval(
        "SELECT sum(current) FROM accounts JOIN customers ON customers.id = customer_id "
        "WHERE code LIKE 'race%'"
    ) == Decimal(0)


async def test_what_is_there_is_found_without_reading_the_ledger(
    importing: Importing, owner: Owner
) -> None:
    """Whatever the planner knows of the tables."""
    await importing("".join(f"plan,{n},2020-03-01,5,\n" for n in range(2_000)))
    names = await owner.fetch("SELECT customer_id, type, external_reference FROM ledger_entries")
    asked = [list(column) for column in zip(*names[:1_000], strict=True)]
    for is_known in (False, True):
        if is_known:
            await owner.execute("ANALYZE ledger_entries")
        plan = await owner.fetch(f"EXPLAIN {present.LOOK_UP.sql}", *asked)
        text = "\n".join(row[0] for row in plan)
        assert "Seq Scan on ledger_entries" not in text
        assert text.count("Index Scan using") >= 3
