"""A mapping is read strictly: whatever is wrong with it is said with the key at fault."""

from pathlib import Path

import pytest

from app.services.importing.mapping_file import MAX_BYTES, read_mapping
from app.services.importing.refusals import MappingError
from tests.importing.conftest import MAPPING

EXAMPLE = Path(__file__).parents[2] / "examples" / "accounts-receivable.toml"


def test_the_example_is_a_mapping() -> None:
    mapping = read_mapping(EXAMPLE.read_bytes())
    assert mapping.file.date_formats == ("%m/%d/%Y",)
    assert mapping.columns == [
        "customerID",
        "invoiceNumber",
        "InvoiceDate",
        "InvoiceAmount",
        "DueDate",
        "Disputed",
        "SettledDate",
        "countryCode",
        "PaperlessBill",
    ]


@pytest.mark.parametrize(
    ("was", "becomes", "key"),
    [
        ("version = 1", "version = 2", "version"),
        ("version = 1", "", "version"),
        ("version = 1", "version = 1\ncolour = 3", "colour"),
        ("version = 1", "version = true", "version"),
        ("version = 1", "version = 1\nuser = 7", "user"),
        ("version = 1", 'version = 1\ntags = ["x"]', "tags.0"),
        ("version = 1", "version = 1\ntags = [{}]", "tags.0"),
        ("version = 1", 'version = 1\n[file]\nencoding = "utf-16"', "file.encoding"),
        ("version = 1", 'version = 1\n[file]\ndelimiter = "ab"', "file.delimiter"),
        ("version = 1", "version = 1\n[file]\ndelimiter = '\"'", "file.quote"),
        ("version = 1", 'version = 1\n[file]\ngroup_mark = "."', "file.group_mark"),
        ("version = 1", 'version = 1\n[file]\ndate_formats = ["%d.%m."]', "file.date_formats"),
        ("version = 1", "version = 1\n[file]\ndate_formats = []", "file.date_formats"),
        ("version = 1", "version = 1\n[file]\ndate_formats = [1]", "file.date_formats"),
        ("version = 1", "version = 1\n[file]\nline_end = 1", "file.line_end"),
        ("first = 2020", "first = 2022", "fiscal_years.first"),
        ("first = 2020", "", "fiscal_years.first"),
        ("first = 2020", "first = 2020\nstart_month = 13", "fiscal_years.start_month"),
        ("[customer]\n", "[customer]\nshoe_size = {}\n", "customer.shoe_size"),
        ('code = { column = "code" }', "", "customer.code"),
        ('code = { column = "code" }', 'code = "code"', "customer.code"),
        ('code = { column = "code" }', "code = {}", "customer.code"),
        ('{ column = "code" }', '{ column = "code", value = "x" }', "customer.code"),
        ('{ column = "code" }', '{ column = "code", colour = "x" }', "customer.code.colour"),
        ('{ column = "code" }', '{ column = "code", otherwise = "x" }', "customer.code.otherwise"),
        ('{ column = "code" }', '{ column = "code", values = { a = 1 } }', "customer.code.values"),
        ('{ value = "USD" }', '{ value = "USD", values = {} }', "customer.currency.values"),
        ('date = { column = "paid" }', "", "settlement.date"),
        ('"CHEQUE"', '"ACCOUNT"', "settlement.method"),
        ('"CHEQUE"', '"IOU"', "settlement.method"),
        ('"USD" }', '"USD" }\npayment_terms_days = { value = "x" }', "customer.payment_terms_days"),
    ],
)
def test_what_is_wrong_is_named(was: str, becomes: str, key: str) -> None:
    assert was in MAPPING
    with pytest.raises(MappingError) as caught:
        read_mapping(MAPPING.replace(was, becomes, 1).encode())
    assert caught.value.key == key
    assert str(caught.value).startswith(f"{key}: ")


@pytest.mark.parametrize(
    "content", [b"version = ", b"\xff\xfe", b"#" * (MAX_BYTES + 1)], ids=["cut", "binary", "huge"]
)
def test_what_is_no_mapping_at_all(content: bytes) -> None:
    with pytest.raises(MappingError):
        read_mapping(content)


def test_a_settlement_needs_an_invoice() -> None:
    without = MAPPING[: MAPPING.index("[invoice]")] + MAPPING[MAPPING.index("[settlement]") :]
    with pytest.raises(MappingError, match="settlement: "):
        read_mapping(without.encode())
