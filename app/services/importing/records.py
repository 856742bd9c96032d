"""A delimited file as records: streamed, bounded, with a reason for each that cannot be read."""

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.services.importing.encodings import is_utf_8
from app.services.importing.mapping import FileFormat
from app.services.importing.refusals import Refusal, RowRefused, UnusableFile

MAX_ROW_BYTES = 65_536
"""Its lines together. A field may have twice as much for csv: the outline of a row needs room."""
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# The first line that Excel writes and reads: which delimiter the file has.
_DECLARED = re.compile('"?sep=(.)"?', re.IGNORECASE | re.DOTALL)
_SINGLE_BYTE = "iso-8859-1"
# What csv says, in strict mode, of a row whose end it cannot tell.
_UNCLEAR = {
    "expected after": "something follows a closing quote",
    "unexpected end": "the file ends inside a quoted field",
    "new-line": "a carriage return stands alone",
}


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of a row, and the line on which it begins (its fields may hold line breaks)."""

    line: int
    fields: list[str]


class Records:
    """The records of an open file, and how far it has been read.

    Raises UnusableFile for a file without a header, and where it is not certain which text is
    inside quotes: what stands in a field would be taken for rows.
    """

    def __init__(self, file: BinaryIO, file_format: FileFormat) -> None:
        self._format = file_format
        self._lines = _Lines(file, file_format)
        self._reader = csv.reader(
            self._lines, delimiter=file_format.delimiter, quotechar=file_format.quote, strict=True
        )
        self.header = self._header()

    @property
    def bytes_read(self) -> int:
        """How much of the file has been read."""
        return self._lines.bytes_read

    @property
    def digest(self) -> str:
        """Of what has been read: of the whole file, at its end."""
        return self._lines.digest.hexdigest()

    def __iter__(self) -> Iterator[Record | Refusal]:
        while (record := self._next()) is not None:
            if isinstance(record, Record) and len(record.fields) != len(self.header):
                yield RowRefused(
                    "",
                    f"This row has {len(record.fields)} columns, the header {len(self.header)}.",
                ).at(record.line)
            else:
                yield record

    def _header(self) -> list[str]:
        first = self._first()
        if first is None:
            raise UnusableFile("The file is empty.")
        if isinstance(first, Refusal):
            raise UnusableFile(f"The header cannot be read. {first.reason}")
        return [name.strip() for name in first.fields]

    def _first(self) -> Record | Refusal | None:
        """The first row that is not the spreadsheet's note of the delimiter."""
        first, delimiter = self._next(), self._format.delimiter
        if isinstance(first, Record):
            declared = _DECLARED.fullmatch(delimiter.join(first.fields))
            if declared is not None:
                if declared[1] != delimiter:
                    raise UnusableFile(
                        f"Line {first.line} says that the file is delimited by {declared[1]!r}, "
                        f"the mapping {delimiter!r}: change file.delimiter."
                    )
                return self._next()
        return first

    def _next(self) -> Record | Refusal | None:
        """The next row that holds anything; None at the end."""
        lines = self._lines
        while True:
            lines.begin_row()
            try:
                fields = next(self._reader)
            except StopIteration:
                return None
            except csv.Error as error:
                raise lines.unclear(str(error)) from error
            if lines.quotes % 2:
                raise lines.unclear("a quote has no counterpart")
            if lines.fault:
                return RowRefused("", lines.fault).at(lines.first)
            if any(map(str.strip, fields)):
                return Record(lines.first, fields)


class _Lines:
    """Decoded lines of a binary file, and what is known of the row that they are read for.

    A line that cannot be used is the row's `fault`, and is read all the same: csv must see where
    the row ends. An exception would make it begin a new row in the middle of a quoted field.
    """

    def __init__(self, file: BinaryIO, file_format: FileFormat) -> None:
        self._file = file
        self._encoding = file_format.encoding
        self._quote = file_format.quote.encode()
        other = b"[^%b]" % re.escape(self._quote)
        self._inner = re.compile(b"(%b)%b+(%b)" % (other, other, other))
        self.number = 0
        self.bytes_read = 0
        self.digest = hashlib.sha256()
        self.begin_row()

    def begin_row(self) -> None:
        """The next line is the first of a row."""
        self.first = self.number + 1
        self.fault = ""
        self.quotes = 0
        self._row_begins = self.bytes_read
        self._outline_bytes = 0

    def unclear(self, reason: str) -> UnusableFile:
        """That the end of the row cannot be told: a quote may have been lost anywhere before."""
        known = next((text for words, text in _UNCLEAR.items() if words in reason), reason)
        return UnusableFile(
            f"From line {self.first} on, rows cannot be told from one another: "
            f"{known} (line {self.number})."
        )

    def __iter__(self) -> Iterator[str]:
        encoding, quote = self._encoding, self._quote
        while line := self._read():
            self.number += 1
            if self.number == 1:
                line = self._without_mark(line)
            if self.bytes_read - self._row_begins > MAX_ROW_BYTES:
                yield self._outline(line)
                continue
            if quote in line:
                self.quotes += line.count(quote)
            if b"\0" in line:
                self._blame(f"Line {self.number} holds a NUL byte.")
                line = line.replace(b"\0", b"")
            if encoding != "utf-8" and not line.isascii() and is_utf_8(line):
                self._blame(
                    f"Line {self.number} is written in utf-8, not in {encoding}: "
                    "change file.encoding."
                )
            try:
                yield line.decode(encoding)
            except UnicodeDecodeError as error:
                self._blame(f"Byte {error.start + 1} of line {self.number} is not {encoding}.")
                yield line.decode(encoding, "ignore")

    def _without_mark(self, line: bytes) -> bytes:
        """The first line without a byte order mark, which tells how the file is encoded."""
        if line.startswith(_UTF_16):
            raise UnusableFile('The file is written in utf-16: save it as utf-8 ("CSV UTF-8").')
        if not line.startswith(_BOM):
            return line
        if self._encoding != "utf-8":
            raise UnusableFile(
                f"The file begins with the mark of utf-8, the mapping says {self._encoding}: "
                "change file.encoding."
            )
        return line.removeprefix(_BOM)

    def _outline(self, line: bytes) -> str:
        """A line of a row that is too long: its quotes, and the two bytes beside each.

        That is all that decides where the row ends.
        """
        self._blame(f"This row is longer than {MAX_ROW_BYTES:,} bytes.")
        outline = b""
        while line:
            outline += self._inner.sub(rb"\1\2", line)
            if self._outline_bytes + len(outline) > MAX_ROW_BYTES:
                raise self.unclear("no end of the row is found")
            line = b"" if line.endswith(b"\n") else self._read()
        self._outline_bytes += len(outline)
        self.quotes += outline.count(self._quote)
        # Byte by byte, whatever the encoding: the text is not used, and none may be lost.
        return outline.decode(_SINGLE_BYTE)

    def _blame(self, fault: str) -> None:
        self.fault = self.fault or fault

    def _read(self) -> bytes:
        line = self._file.readline(MAX_ROW_BYTES + 1)
        self.bytes_read += len(line)
        self.digest.update(line)
        return line
