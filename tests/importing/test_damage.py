"""Damage inside a quoted field stays there: what the field says never comes in as rows."""

import csv
import io
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.importing.mapping_file import read_mapping
from app.services.importing.records import Record, Records
from app.services.importing.refusals import UnusableFile
from app.services.importing.row_reader import RowReader
from tests.importing.conftest import NOTED, NOTED_HEADER

Key = tuple[str, str]

INJECTED = "X,666,2020-01-02,99999.00,,\n"

# Each is more than a row may have, and ends inside the quoted field that it is put into.
HUGE = [
    b"x" * 70_000,
    b'say ""so"" ' * 7_000,
    b"\n" * 70_000,
    b"\r\n,,x\r\n" * 20_000,
    INJECTED.encode() * 3_000,
]
noise = st.sampled_from([b"\xff", b"\0", b"\xff\0\xc3"])
lines = st.sampled_from([INJECTED, 'X,"666",2020-01-02,1,,""\n', "Grüße\n", '"', ",", "bye"])
notes = st.lists(lines, max_size=4).map(lambda parts: "as agreed:\n" + "".join(parts))
styles = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])


@dataclass(frozen=True)
class File:
    """A good file by its rows: each one's key, and its bytes."""

    rows: tuple[tuple[Key, bytes], ...]

    @property
    def keys(self) -> set[Key]:
        return {key for key, _ in self.rows}

    def changed(self, index: int, content: bytes) -> "File":
        key, _ = self.rows[index]
        return File((*self.rows[:index], (key, content), *self.rows[index + 1 :]))

    def read(self) -> tuple[set[Key], list[int]]:
        """The keys of the rows that are good, and the lines of those that are not."""
        mapping, good, refused = read_mapping(NOTED.encode()), set(), []
        content = NOTED_HEADER.encode() + b"".join(row for _, row in self.rows)
        records = Records(io.BytesIO(content), mapping.file)
        reader = RowReader(mapping, records.header)
        for record in records:
            if isinstance(record, Record):
                row = reader.read(record)
                assert row is not None
                assert row.invoice is not None
                good.add((row.code, row.invoice.reference))
            else:
                refused.append(record.line)
        return good, refused

    def begins(self, index: int) -> int:
        """The line on which a row begins."""
        return 2 + sum(row.count(b"\n") for _, row in self.rows[:index])


@st.composite
def files(draw: st.DrawFn) -> File:
    rows = []
    for number, note in enumerate(draw(st.lists(notes, min_size=1, max_size=6))):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=draw(styles))
        writer.writerow(["C", number, "2020-01-01", "5", "", note])
        rows.append((("C", str(number)), text.getvalue().encode()))
    return File(tuple(rows))


def places(file: File) -> st.SearchStrategy[tuple[int, int]]:
    """A row, and a place before its line feed: often where a quote or a comma stands."""
    anywhere = [(index, at) for index, (_, row) in enumerate(file.rows) for at in range(len(row))]
    marks = [(index, at) for index, at in anywhere if file.rows[index][1][at] in b'",']
    return st.sampled_from(marks) | st.sampled_from(anywhere)


def inserted(row: bytes, at: int, what: bytes) -> bytes:
    return row[:at] + what + row[at:]


def accepted(file: File) -> set[Key]:
    """Nothing where nothing can be imported."""
    try:
        return file.read()[0]
    except UnusableFile:
        return set()


@settings(deadline=None)
@given(files(), st.data())
def test_damage_refuses_its_row_and_no_other(file: File, data: st.DataObject) -> None:
    assert file.read() == (file.keys, [])
    damaged, hurt = file, set()
    for index, at in data.draw(st.lists(places(file), max_size=4, unique_by=lambda it: it[0])):
        row = file.rows[index][1]
        if data.draw(st.booleans()):
            row = inserted(row, at, data.draw(noise))
        else:
            row = inserted(row, row.index(b"agreed"), data.draw(st.sampled_from(HUGE)))
        damaged = damaged.changed(index, row)
        hurt.add(index)
    assert damaged.read() == (
        file.keys - {file.rows[index][0] for index in hurt},
        sorted(damaged.begins(index) for index in hurt),
    )


@settings(deadline=None)
@given(files(), st.data())
def test_what_a_field_says_never_comes_in(file: File, data: st.DataObject) -> None:
    """Wherever a byte is lost, also where it parted rows or fields, or a line grows huge."""
    index, at = data.draw(places(file))
    row = file.rows[index][1]
    spoilt = row[:at] + data.draw(st.sampled_from([b"\xff", b"\0", b'"'])) + row[at + 1 :]
    grown = inserted(row, at, data.draw(st.sampled_from(HUGE[:2])))
    for content in (spoilt, grown):
        assert accepted(file.changed(index, content)) <= file.keys


@settings(deadline=None)
@given(files(), st.data(), st.sampled_from([b"", b"x", b" ", b"\xff", b"\0"]))
def test_a_file_that_lost_a_quote_is_not_imported(
    file: File, data: st.DataObject, instead: bytes
) -> None:
    index, at = data.draw(places(file).filter(lambda it: file.rows[it[0]][1][it[1]] == ord('"')))
    row = file.rows[index][1]
    with pytest.raises(UnusableFile, match="From line "):
        file.changed(index, row[:at] + instead + row[at + 1 :]).read()
