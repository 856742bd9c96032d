"""Files as they come: what cannot be read is refused with its line, and the rest comes in."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from os import SEEK_CUR
from pathlib import Path

import pytest

from app.infra.database import Database
from app.services.importing.mapping import FileFormat
from app.services.importing.records import MAX_ROW_BYTES, Record, Records
from app.services.importing.refusals import UnusableFile
from tests.importing.conftest import HEADER, MAPPING, NOTED, NOTED_HEADER, Importing

GOOD = "{code},1,2020-03-01,10.00,\n"


@pytest.mark.parametrize(
    ("code", "bad", "reason"),
    [
        ("few", b"few,2,2020-03-01\n", "This row has 3 columns, the header 5."),
        ("many", b"many,2,2020-03-01,1,,,\n", "This row has 7 columns, the header 5."),
        ("nul", b"nul,2\0,2020-03-01,1,\n", "Line 3 holds a NUL byte."),
        ("utf", b"utf,\xff,2020-03-01,1,\n", "Byte 5 of line 3 is not utf-8."),
        ("both", b'both,"\n\xff\n\0",2020-03-01,1,\n', "Byte 1 of line 4 is not utf-8."),
        ("long", b"long," + b"9" * 70_000 + b",2020-03-01,1,\n", "This row is longer than "),
        ("line", b"line," + b"9" * 3_000_000 + b",2020-03-01,1,\n", "This row is longer than "),
        ("lines", b'lines,"' + b"9,\n" * 30_000 + b'",2020-03-01,1,\n', "This row is longer "),
        (
            "inch",
            '"inch",é"2"'.encode() + b"9" * 70_000 + b",2020-03-01,1,\n",
            "This row is longer ",
        ),
    ],
)
async def test_a_row_that_cannot_be_read(
    importing: Importing, code: str, bad: bytes, reason: str
) -> None:
    good = GOOD.format(code=code).encode()
    done = await importing(good + bad + good.replace(b",1,", b",3,"))
    assert done.counts == {"customers": 1, "invoices": 2}
    assert [each.line for each in done.refusals] == [3]
    assert done.refusals[0].reason.startswith(reason)


async def test_what_a_field_says_is_no_row(importing: Importing) -> None:
    """Even where a line of it cannot be read."""
    done = await importing(
        b'said,1,2020-03-01,5,,"Gr\xfc\xdfe, as agreed:\nsaid,666,2020-03-02,9999,,\nbye"\n'
        b"said,2,2020-03-01,5,,\n",
        mapping=NOTED,
        header=NOTED_HEADER,
    )
    assert done.counts == {"customers": 1, "invoices": 1}
    assert done.reasons == {2: ("", "Byte 25 of line 2 is not utf-8.")}


@pytest.mark.parametrize(
    ("bad", "line", "reason"),
    [
        ('c,"2,2020-03-01,1,\nc,3,2020-03-01,1,', 4, "the file ends inside a quoted field"),
        ('c,"2"x,2020-03-01,1,\n', 3, "something follows a closing quote"),
        ('c,"2,2020-03-01,1,\nc,"3",2020-03-01,1,\n', 4, "something follows a closing quote"),
        ('c,2",2020-03-01,1,\n', 3, "a quote has no counterpart"),
        ("c,2,2020-03-01,1,\rc,3,2020-03-01,1,\n", 3, "a carriage return stands alone"),
        ('c,"' + '","' * MAX_ROW_BYTES, 3, "no end of the row is found"),
        ('c,"\n' + '","\n' * MAX_ROW_BYTES, MAX_ROW_BYTES // 2 + 3, "no end of the row is found"),
    ],
    ids=["open", "after", "next", "odd", "return", "quotes", "lines"],
)
async def test_a_file_whose_rows_cannot_be_told_apart(
    importing: Importing, database: Database, bad: str, line: int, reason: str
) -> None:
    """A quote was lost there or earlier: not even the rows before are certain. Nothing comes in."""
    with pytest.raises(UnusableFile) as caught:
        await importing(GOOD.format(code="apart") + bad)
    assert str(caught.value) == (
        f"From line 3 on, rows cannot be told from one another: {reason} (line {line})."
    )
    async with database.transaction() as tx:
        found = "SELECT count(*) FROM customers WHERE code = 'apart'"
        assert await tx.connection.fetchval(found) == 0


async def test_quotes_that_are_ordinary_characters(importing: Importing) -> None:
    """In pairs they are taken for that; alone, where the mapping names another quote."""
    pair, one = 'size,1" x 2",2020-03-01,5,\n', 'size,3",2020-03-01,5,\n'
    assert (await importing(pair)).counts == {"customers": 1, "invoices": 1}
    other = MAPPING.replace("version = 1", 'version = 1\n[file]\nquote = "\\u0001"')
    assert (await importing(pair + one, mapping=other)).counts == {
        "invoices": 1,
        "rows_already_there": 1,
    }


@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
def test_a_line_is_never_whole_in_memory(tmp_path: Path, quote: str) -> None:
    file, hole = tmp_path / "file.csv", 64 * 1024 * 1024
    with file.open("wb") as out:
        out.write(f"{HEADER}long,{quote}".encode())
        out.seek(hole, SEEK_CUR)
        out.write(f"{quote},2020-03-01,5,\n{GOOD.format(code='short')}".encode())
    with little_memory(), file.open("rb") as content:
        refused, read = Records(content, FileFormat())
    assert isinstance(read, Record)
    assert (refused.line, read.line, read.fields[0]) == (2, 3, "short")


def test_nor_are_quotes_without_end(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_text(HEADER + '","' * 1024 * 1024)
    with little_memory(), file.open("rb") as content, pytest.raises(UnusableFile):
        list(Records(content, FileFormat()))


@contextmanager
def little_memory() -> Iterator[None]:
    """However much is read."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 16 * MAX_ROW_BYTES
    finally:
        tracemalloc.stop()


async def test_line_breaks_in_quotes_blank_lines_and_a_byte_order_mark(
    importing: Importing,
) -> None:
    done = await importing(
        '\r\nmark,1,2020-03-01,5,,"two\r\nlines"\r\n\r\nmark,2,2020-03-01,nine,,\r\n',
        mapping=NOTED,
        header=b"\xef\xbb\xbfcode,number,date,amount,paid,note\r\n",
    )
    # The end of a line inside a text is layout, however it is spelt.
    assert done.counts == {"customers": 1, "invoices": 1}
    assert done.reasons == {6: ("amount", "This is not a number as the mapping describes them.")}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b"\n\n", "The file is empty."),
        (b"\0\n", "The header cannot be read."),
        (b"\xff\xfec\0o\0", "The file is written in utf-16: save it as utf-8"),
        (b"\xfe\xff\0c\0o", "The file is written in utf-16: save it as utf-8"),
        (b"c\0o\0\n\0", "The header cannot be read. Line 1 holds a NUL byte."),
        (b"sep=;\ncode;number;date;amount;paid\n", "Line 1 says that the file is delimited by ';'"),
        (b"sep=,\n", "The file is empty."),
        (b"code,number,date,amount,paid\rc,1,2020-03-01,5,\r", "From line 1 on, rows cannot be "),
        (b"code,number,date,amount,code,paid\n", "The header names 'code' twice."),
        (b"code;number;date;amount;paid\n", "The file has no column 'code', "),
        (b"Invoices of May\n\ncode,number,date,amount,paid\n", "The file has no column 'code', "),
        (b"code,number,date,paid\n", "The file has no column 'amount'."),
    ],
)
async def test_a_file_that_cannot_be_used(
    importing: Importing, content: bytes, reason: str
) -> None:
    with pytest.raises(UnusableFile) as caught:
        await importing(b"", header=content)
    assert str(caught.value).startswith(reason)


async def test_a_file_that_is_not_there(importing: Importing) -> None:
    importing.place /= "nowhere"
    with pytest.raises(FileNotFoundError):
        await importing("")


async def test_a_header_alone_brings_nothing(importing: Importing) -> None:
    done = await importing("", header=HEADER)
    assert (done.summary.rows, done.counts) == (0, {})
