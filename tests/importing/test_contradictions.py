"""Rows that cannot all be right: none of them comes in, and each names the line that it is against.

What is posted stays, so the first of them is not taken for the right one.
"""

import io
import tracemalloc
import unicodedata
from contextlib import closing
from typing import Any

import pytest

from app.services.importing.mapping import KEYS
from app.services.importing.mapping_file import read_mapping
from app.services.importing.records import Record, Records
from app.services.importing.row_reader import RowReader
from app.services.importing.staging import Staging
from tests.importing.conftest import HEADER, MAPPING, Importing

Owner = "asyncpg.Connection[asyncpg.Record]"

DESCRIBED = """
version = 1
[fiscal_years]
first = 2020
last = 2021
[file]
delimiter = ";"
[invoice]
reference = { column = "number" }
date = { value = "2020-03-01" }
amount = { value = "5" }
[customer]
""" + "".join(f'{key} = {{ column = "{key}" }}\n' for key in KEYS["customer"])
KEYS_OF_CUSTOMER = [key for key in KEYS["customer"] if key != "code"]
ONE = {
    "business_name": "Alpha GmbH",
    "currency": "USD",
    "contact_name": "Ann",
    "email": "ann@example.com",
    "phone": "+4930123456",
    "tax_id": "DE1",
    "customer_type": "BUSINESS",
    "payment_terms_days": "30",
    "credit_limit": "250.00",
    "address_line1": "1 Road",
    "address_line2": "Rear",
    "address_city": "Oslo",
    "address_region": "East",
    "address_postal_code": "0150",
    "address_country": "NO",
}
OTHER = ONE | {
    "business_name": "Beta GmbH",
    "currency": "EUR",
    "contact_name": "Bob",
    "email": "bob@example.com",
    "phone": "+4930654321",
    "tax_id": "DE2",
    "customer_type": "RETAIL",
    "payment_terms_days": "14",
    "credit_limit": "25.00",
    "address_line1": "2 Road",
    "address_line2": "Front",
    "address_city": "Bergen",
    "address_region": "West",
    "address_postal_code": "0151",
    "address_country": "SE",
}


async def described(importing: Importing, code: str, *rows: dict[str, str]) -> Any:
    lines = [";".join([str(n), code, *row.values()]) for n, row in enumerate(rows)]
    header = ";".join(["number", "code", *ONE]) + "\n"
    return await importing(
        "".join(f"{line}\n" for line in lines), mapping=DESCRIBED, header=header, is_dry_run=True
    )


def test_every_key_of_a_customer_is_tried() -> None:
    assert list(ONE) == list(OTHER) == KEYS_OF_CUSTOMER
    assert all(ONE[key] != OTHER[key] for key in ONE)


@pytest.mark.parametrize("key", KEYS_OF_CUSTOMER)
async def test_one_code_with_two_values(importing: Importing, key: str) -> None:
    other = ONE | {key: OTHER[key]}
    done = await described(importing, "two", ONE, ONE, other, ONE)
    assert list(done.reasons) == [2, 3, 4, 5]
    assert done.counts == {}
    reason = (
        "Lines 2 and 4 give this customer code different values of "
        f"customer.{key}. Nothing of it comes in until they agree."
    )
    assert set(done.reasons.values()) == {(key, reason)}


OPTIONAL = [key for key, declared in KEYS["customer"].items() if not declared.required]


@pytest.mark.parametrize("key", [key for key in OPTIONAL if not key.startswith("address_")])
async def test_a_blank_contradicts_nothing(importing: Importing, key: str) -> None:
    done = await described(importing, "blank", ONE | {key: ""}, ONE, ONE | {key: ""})
    assert done.refusals == []
    assert done.counts == {"customers": 1, "invoices": 3}


async def test_two_spellings_of_one_number_or_code_are_one(importing: Importing) -> None:
    composed, apart = [unicodedata.normalize(form, "Bäcker") for form in ("NFC", "NFD")]
    header = ";".join(["number", "code", *ONE]) + "\n"
    lines = [
        ";".join(["1", composed, *ONE.values()]),
        ";".join(["2", apart, *(ONE | {"credit_limit": "250"}).values()]),
    ]
    done = await importing("\n".join(lines), mapping=DESCRIBED, header=header, is_dry_run=True)
    assert done.counts == {"customers": 1, "invoices": 2}


async def test_other_customers_come_in(importing: Importing, owner: Owner) -> None:
    header = "code,name,number,amount\n"
    mapping = MAPPING.replace('template = "Customer {code}"', 'column = "name"')
    mapping = mapping[: mapping.index("[settlement]")]
    mapping = mapping.replace('{ column = "date" }', '{ value = "2020-03-01" }')
    done = await importing("a,A,1,5\nb,B,1,5\na,Z,2,5\n", mapping=mapping, header=header)
    assert list(done.reasons) == [2, 4]
    assert done.counts == {"customers": 1, "invoices": 1}
    assert not await owner.fetchval("SELECT count(*) FROM customers WHERE code = 'a'")


@pytest.mark.parametrize("second", ["dup,1,2020-04-01,5,\n", "dup,1,2020-03-01,5,\n"])
async def test_a_reference_that_comes_twice(importing: Importing, second: str) -> None:
    """Also of rows alike: they may be the two lines of one invoice."""
    done = await importing("dup,1,2020-03-01,5,\ndup2,1,2020-03-01,5,\n" + second, is_dry_run=True)
    advice = "Leave one row for each invoice; instalments are rows of [payment]."
    assert done.reasons == {
        2: ("", f"Line 4 has the same customer and reference. {advice}"),
        4: ("", f"Line 2 has the same customer and reference. {advice}"),
    }
    assert done.counts == {"customers": 1, "invoices": 1}


async def test_a_reference_in_two_spellings_is_one(importing: Importing) -> None:
    rows = "".join(
        f"spelt,{unicodedata.normalize(form, 'Nº-Ä1')},2020-03-01,5,\n" for form in ("NFC", "NFD")
    )
    done = await importing(rows, is_dry_run=True)
    assert list(done.reasons) == [2, 3]


def test_however_many_there_are_no_more_is_kept() -> None:
    """Refusals wait where the rows do."""
    few, many = memory_of(4_000), memory_of(20_000)
    assert many < few * 1.25


def memory_of(rows: int) -> int:
    """The most that is held while so many rows contradict each other."""
    content = HEADER + "".join(f"many,{n % 9},2020-03-01,5,\n" for n in range(rows))
    mapping = read_mapping(MAPPING.encode())
    records = Records(io.BytesIO(content.encode()), mapping.file)
    reader = RowReader(mapping, records.header)
    with closing(Staging()) as staging:
        tracemalloc.start()
        for record in records:
            assert isinstance(record, Record)
            row = reader.read(record)
            assert row is not None
            staging.add(row, record)
        assert sum(1 for _ in staging.finish(reader.column_of)) == rows
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert staging.count() == 0
    return most
