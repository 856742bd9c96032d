"""The report of rows that brought nothing: CSV, or JSON lines where the file's name says so."""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import orjson

from app.services.importing.refusals import AlreadyThere, Refusal, UnusableFile

Remark = Refusal | AlreadyThere
Write = Callable[[Remark], None]

_COLUMNS = ("line", "column", "code", "reason")
_JSON_LINES = {".jsonl", ".ndjson"}


@contextmanager
def report_to(path: Path | None, *, spared: Iterable[Path]) -> Iterator[Write]:
    """A function that writes a remark, at once: what a killed import refused can be read.

    Raises UnusableFile, before it opens it, when the report is one of the `spared` files.
    """
    if path is None:
        yield lambda _: None
        return
    if any(_is_same(path, other) for other in spared):
        raise UnusableFile(f"The report cannot be written to {path}: the import reads it.")
    try:
        file = path.open("w", encoding="utf-8", newline="", buffering=1)
    except OSError as error:
        raise UnusableFile(f"The report cannot be written to {path}: {error.strerror}") from error
    with file:
        yield _json_lines(file) if path.suffix in _JSON_LINES else _table(file)


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there: whoever opens it says so
        return False


def _table(file: TextIO) -> Write:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)

    def write(remark: Remark) -> None:
        writer.writerow([getattr(remark, name) for name in _COLUMNS])

    return write


def _json_lines(file: TextIO) -> Write:
    def write(remark: Remark) -> None:
        file.write(orjson.dumps(remark).decode() + "\n")

    return write
