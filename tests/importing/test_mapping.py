"""A mapping is read strictly: whatever is wrong with it is said with the key at fault."""

import io
from pathlib import Path

import pytest

from app.services.importing.mapping_file import MAX_BYTES, read_mapping
from app.services.importing.records import Record, Records
from app.services.importing.refusals import MappingError
from app.services.importing.row_reader import RowReader
from tests.importing.conftest import MAPPING

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "accounts-receivable.toml"


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
    ("name", "kinds"),
    [
        ("payments", ["payment", "payment"]),
        ("ledger-export", ["invoice", "payment", None]),
    ],
)
def test_an_example_reads_the_file_that_it_shows(name: str, kinds: list[str | None]) -> None:
    content = (EXAMPLES / f"{name}.toml").read_bytes()
    mapping = read_mapping(content)
    shown = [line[6:] for line in content.decode().splitlines() if line.startswith("#     ")]
    records = Records(io.BytesIO("\n".join(shown[:-1]).encode()), mapping.file)
    reader, found = RowReader(mapping, records.header), []
    for record in records:
        assert isinstance(record, Record)
        row = reader.read(record)
        found.append(row and ("payment" if row.is_payment else "invoice"))
    assert found == kinds


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
        (
            "version = 1",
            'version = 1\n[file]\ndate_formats = ["%d/%m/%Y", "%m/%d/%Y"]',
            "file.date_formats",
        ),
        (
            "version = 1",
            f"version = 1\n[file]\ndate_formats = {['%d.%m.%Y'] * 11}",
            "file.date_formats",
        ),
        ("version = 1", 'version = 1\n[file]\ndecimal_mark = "\u2019"', "file.decimal_mark"),
        (
            "version = 1",
            'version = 1\n[file]\ndecimal_mark = "\'"\ngroup_mark = "\u2019"',
            "file.group_mark",
        ),
        ("version = 1", 'version = 1\n[file]\nencoding = "nonsense"', "file.encoding"),
        ("version = 1", "version = 1\n[file]\nline_end = 1", "file.line_end"),
        ("first = 2020", "first = 2022", "fiscal_years.first"),
        ("first = 2020", "", "fiscal_years.first"),
        ("first = 2020", "first = 2020\nstart_month = 13", "fiscal_years.start_month"),
        ("[customer]\n", "[customer]\nshoe_size = {}\n", "customer.shoe_size"),
        ('code = { column = "code" }', "", "customer.code"),
        ('code = { column = "code" }', 'code = "code"', "customer.code"),
        ('code = { column = "code" }', "code = {}", "customer.code"),
        ('code = { column = "code" }', 'code = { column = " " }', "customer.code.column"),
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


WHEN = "when = { column = 'w' }"
PAYMENT = """[payment]
customer = { column = "c" }
invoice = { column = "i" }
date = { column = "d" }
amount = { column = "a" }
method = { value = "CASH" }
reference = { column = "r" }
"""


@pytest.mark.parametrize("key", ["customer", "invoice", "date", "amount", "method", "reference"])
def test_a_payment_says_all_that_it_is(key: str) -> None:
    lines = [line for line in PAYMENT.splitlines() if not line.startswith(f"{key} ")]
    with pytest.raises(MappingError) as caught:
        read_mapping("\n".join(["version = 1", *lines]).encode())
    assert caught.value.key == f"payment.{key}"


@pytest.mark.parametrize(
    ("mapping", "key"),
    [
        ("version = 1\n", "customer"),
        ("version = 1\ntags = [{ value = 'x' }]\n" + PAYMENT, "tags"),
        (MAPPING + PAYMENT, "invoice.when"),
        (
            MAPPING.replace("[invoice]", "[invoice]\nwhen = { column = 'w' }") + PAYMENT,
            "payment.when",
        ),
        (MAPPING[: MAPPING.index("[invoice]")] + PAYMENT, "customer"),
        ("version = 1\n" + MAPPING[MAPPING.index("[invoice]") :] + PAYMENT, "customer"),
    ],
)
def test_sections_that_do_not_go_together(mapping: str, key: str) -> None:
    with pytest.raises(MappingError) as caught:
        read_mapping(mapping.encode())
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("UTF-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("cp1252", "windows-1252"),
        ("latin1", "iso-8859-1"),
        ("ISO-8859-15", "iso-8859-15"),
    ],
)
def test_an_encoding_by_any_of_its_names(name: str, known: str) -> None:
    mapping = MAPPING.replace("version = 1", f'version = 1\n[file]\nencoding = "{name}"')
    assert read_mapping(mapping.encode()).file.encoding == known
