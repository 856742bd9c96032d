"""A delimited file as records: streamed, bounded, with a reason for each that cannot be read."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.services.importing.mapping import FileFormat
from app.services.importing.refusals import Refusal, RowRefused, UnusableFile

MAX_LINE_BYTES = 1_048_576
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of a row, and the line on which it begins (its fields may hold line breaks)."""

    line: int
    fields: list[str]


class Records:
    """The records of an open file, and how far it has been read.

    Raises UnusableFile for a file without a header.
    """

    def __init__(self, file: BinaryIO, file_format: FileFormat) -> None:
        self._lines = _Lines(file, file_format.encoding)
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
        first = self._next()
        if first is None:
            raise UnusableFile("The file is empty.")
        if isinstance(first, Refusal):
            raise UnusableFile(f"The header cannot be read. {first.reason}")
        names = [name.strip() for name in first.fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UnusableFile(f"The header names {', '.join(map(repr, twice))} twice.")
        return names

    def _next(self) -> Record | Refusal | None:
        """The next row that is not blank; None at the end."""
        while True:
            line = self._lines.number + 1
            try:
                fields = next(self._reader)
            except StopIteration:
                return None
            except RowRefused as refused:
                return refused.at(line)
            except csv.Error as error:
                return _malformed(error, self._lines.number).at(line)
            if fields:
                return Record(line, fields)


class _Lines:
    """Decoded lines of a binary file. A line that cannot be used raises RowRefused; go on after."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self.number = 0
        self.bytes_read = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._read()
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1 and self._encoding == "utf-8":
            line = line.removeprefix(_BOM)
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = self._read()
            raise RowRefused("", f"This line is longer than {MAX_LINE_BYTES:,} bytes.")
        if b"\0" in line:
            raise RowRefused("", "This line holds a NUL byte.")
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise RowRefused(
                "", f"Byte {error.start + 1} of this line is not {self._encoding}."
            ) from error

    def _read(self) -> bytes:
        line = self._file.readline(MAX_LINE_BYTES + 1)
        self.bytes_read += len(line)
        self.digest.update(line)
        return line


def _malformed(error: csv.Error, last_line: int) -> RowRefused:
    if "field limit" in str(error):
        reason = (
            f"A field is longer than {csv.field_size_limit():,} characters "
            f"(read up to line {last_line}: is a quote never closed?)."
        )
    elif "unexpected end" in str(error):
        reason = "The file ends inside a quoted field."
    else:
        reason = f"This is not well-formed: {error}."
    return RowRefused("", reason)
