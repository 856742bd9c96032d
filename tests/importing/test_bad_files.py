"""Files as they come: what cannot be read is refused with its line, and the rest comes in."""

import pytest

from app.services.importing.refusals import UnusableFile
from tests.importing.conftest import HEADER, MAPPING, Importing

GOOD = "{code},1,2020-03-01,10.00,\n"


@pytest.mark.parametrize(
    ("code", "bad", "reason"),
    [
        ("few", b"few,2,2020-03-01\n", "This row has 3 columns, the header 5."),
        ("many", b"many,2,2020-03-01,1,,,\n", "This row has 7 columns, the header 5."),
        ("nul", b"nul,2\0,2020-03-01,1,\n", "This line holds a NUL byte."),
        ("utf", b"utf,\xff,2020-03-01,1,\n", "Byte 5 of this line is not utf-8."),
        ("quote", b'quote,"2"x,2020-03-01,1,\n', "This is not well-formed: "),
        ("long", b"long," + b"9" * 1_000_000 + b",2020-03-01,1,\n", "A field is longer than "),
        ("line", b"line," + b"9" * 3_000_000 + b",2020-03-01,1,\n", "This line is longer than "),
        ("quoted", b'quoted,"' + b"9" * 900_000 + b'",2020-03-01,1,\n', "A field is longer than "),
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


async def test_a_quote_that_is_never_closed(importing: Importing) -> None:
    done = await importing(GOOD.format(code="open") + 'open,"2,2020-03-01,1,\nopen,3,2020-03-01,1,')
    assert done.counts == {"customers": 1, "invoices": 1}
    assert done.reasons == {3: ("", "The file ends inside a quoted field.")}


async def test_line_breaks_in_quotes_blank_lines_and_a_byte_order_mark(
    importing: Importing,
) -> None:
    mapping = MAPPING.replace("[settlement]", 'description = { column = "text" }\n[settlement]')
    done = await importing(
        '\r\nmark,1,2020-03-01,5,,"two\r\nlines"\r\n\r\nmark,2,2020-03-01,nine,,\r\n',
        mapping=mapping,
        header=b"\xef\xbb\xbfcode,number,date,amount,paid,text\r\n",
    )
    assert done.counts == {}
    # Control characters are refused, whoever sends them; a line feed alone is layout.
    assert done.reasons == {
        3: ("text", "This text holds control characters."),
        6: ("amount", "This is not a number as the mapping describes them."),
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b"\n\n", "The file is empty."),
        (b"\0\n", "The header cannot be read."),
        (b"\xff\xfec\0o\0", "The header cannot be read."),
        (b"code,number,date,amount,code,paid\n", "The header names 'code' twice."),
        (b"code;number;date;amount;paid\n", "The file has no column 'code', "),
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
