"""Reading a mapping file: TOML, every key known, every value of its type, or `MappingError`."""

import codecs
import hashlib
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

from app.services.importing.date_formats import MAX_FORMATS, is_date_format, read_differently
from app.services.importing.formats import Unreadable, alike
from app.services.importing.mapping import (
    ENCODINGS,
    KEYS,
    VERSION,
    FileFormat,
    FiscalYears,
    ImportMapping,
)
from app.services.importing.refusals import MappingError
from app.services.importing.sources import Source

MAX_BYTES = 100_000

T = TypeVar("T")


def read_mapping(content: bytes) -> ImportMapping:
    """The mapping that these bytes declare. Raises MappingError, which names the key at fault."""
    if len(content) > MAX_BYTES:
        raise MappingError("", f"a mapping has at most {MAX_BYTES:,} bytes")
    try:
        data = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError("", f"the mapping is not TOML: {error}") from error
    top = _Table("", data)
    if top.take("version", int) != VERSION:
        raise MappingError("version", f"this program reads mappings of version {VERSION}")
    mapping = ImportMapping(
        user=top.optional("user", str),
        file=_file_format(_Table("file", top.optional("file", dict) or {})),
        fiscal_years=_fiscal_years(top.optional("fiscal_years", dict)),
        tags=_tags(top.optional("tags", list) or []),
        customer=_section("customer", top.optional("customer", dict)),
        invoice=_section("invoice", top.optional("invoice", dict)),
        settlement=_section("settlement", top.optional("settlement", dict)),
        payment=_section("payment", top.optional("payment", dict)),
        digest=hashlib.sha256(content).hexdigest(),
    )
    top.finish()
    _check_sections(mapping)
    _check_constants(mapping)
    return mapping


def _check_sections(mapping: ImportMapping) -> None:
    """Which sections go together."""
    if not mapping.customer and not mapping.payment:
        raise MappingError("customer", "this key is missing")
    if mapping.invoice and not mapping.customer:
        raise MappingError("customer", "whose the invoices are: add a section `customer`")
    if mapping.settlement and not mapping.invoice:
        raise MappingError("settlement", "what is settled is an invoice: add a section `invoice`")
    if mapping.tags and not mapping.customer:
        raise MappingError("tags", "a customer has them: add a section `customer`")
    if mapping.payment and mapping.customer:
        if not mapping.invoice:
            raise MappingError("customer", "a payment makes no customer: leave out this section")
        for name in ("invoice", "payment"):
            if "when" not in getattr(mapping, name):
                raise MappingError(
                    f"{name}.when",
                    "this key is missing: of a file with invoices and payments, it says which rows "
                    f"are {name}s; or import the payments from a file and a mapping of their own",
                )


class _Table:
    """A TOML table whose keys are taken one by one; what is left over is a mistake."""

    def __init__(self, path: str, data: Mapping[str, Any]) -> None:
        self._path = path
        self._left = dict(data)

    def key(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str, kind: type[T]) -> T:
        value = self.optional(name, kind)
        if value is None:
            raise MappingError(self.key(name), "this key is missing")
        return value

    def optional(self, name: str, kind: type[T]) -> T | None:
        value = self._left.pop(name, None)
        # A bool is an int to Python, and never meant as one.
        if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
            return value
        raise MappingError(self.key(name), f"this must be a {_KINDS[kind]}")

    def finish(self) -> None:
        for name in self._left:
            raise MappingError(self.key(name), "there is no such key")


_KINDS: Mapping[type, str] = {str: "text", int: "whole number", dict: "table", list: "list"}


def _file_format(table: _Table) -> FileFormat:
    default = FileFormat()
    formats = table.optional("date_formats", list)
    file = FileFormat(
        encoding=_encoding(table.optional("encoding", str) or default.encoding),
        delimiter=_character(table, "delimiter", default.delimiter),
        quote=_character(table, "quote", default.quote),
        date_formats=default.date_formats if formats is None else tuple(formats),
        decimal_mark=_character(table, "decimal_mark", default.decimal_mark),
        group_mark=_character(table, "group_mark", default.group_mark, is_ascii=False),
    )
    table.finish()
    if file.delimiter == file.quote:
        raise MappingError("file.quote", "this must differ from the delimiter")
    if file.decimal_mark in alike(file.group_mark):
        raise MappingError("file.group_mark", "this must differ from the decimal mark")
    if not file.date_formats or not all(
        isinstance(each, str) and is_date_format(each) for each in file.date_formats
    ):
        raise MappingError("file.date_formats", "each must have %d, %m and %Y once, as in %m/%d/%Y")
    if len(file.date_formats) > MAX_FORMATS:
        raise MappingError("file.date_formats", f"there are at most {MAX_FORMATS}")
    if found := read_differently(file.date_formats):
        one, other, text = found
        raise MappingError(
            "file.date_formats",
            f"{text} is one date as {one} and another as {other}: leave the one that the file has",
        )
    return file


def _encoding(name: str) -> str:
    """Its name here, of all that Python knows it by."""
    known = {codecs.lookup(each).name: each for each in ENCODINGS}
    known["utf-8-sig"] = "utf-8"
    try:
        return known[codecs.lookup(name).name]
    except (LookupError, ValueError) as error:
        raise MappingError(
            "file.encoding", f"this must be one of {', '.join(ENCODINGS)}"
        ) from error


def _character(table: _Table, name: str, default: str, *, is_ascii: bool = True) -> str:
    value = table.optional(name, str)
    if value is None:
        return default
    is_mark = len(value) == 1 and not value.isalnum() and value not in "\r\n+-()="
    if not is_mark or (is_ascii and not value.isascii()):
        raise MappingError(table.key(name), "this must be one character that is no digit or letter")
    return value


def _fiscal_years(data: Mapping[str, Any] | None) -> FiscalYears | None:
    if data is None:
        return None
    table = _Table("fiscal_years", data)
    years = FiscalYears(
        first=table.take("first", int),
        last=table.take("last", int),
        start_month=table.optional("start_month", int) or 1,
    )
    table.finish()
    if not 1900 < years.first <= years.last < 2200:
        raise MappingError("fiscal_years.first", "this must be a year, and not after the last")
    if not 1 <= years.start_month <= 12:
        raise MappingError("fiscal_years.start_month", "this must be a month, from 1 to 12")
    return years


def _section(name: str, data: Mapping[str, Any] | None) -> dict[str, Source]:
    if data is None:
        return {}
    table = _Table(name, data)
    sources = {}
    for key, declared in KEYS[name].items():
        value = table.take(key, dict) if declared.required else table.optional(key, dict)
        if value is not None:
            sources[key] = _source(f"{name}.{key}", value)
    table.finish()
    return sources


def _tags(values: list[Any]) -> tuple[Source, ...]:
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise MappingError(f"tags.{index}", "this must be a table")
    return tuple(_source(f"tags.{index}", value) for index, value in enumerate(values))


def _source(key: str, data: Mapping[str, Any]) -> Source:
    table = _Table(key, data)
    column, value, template = (table.optional(it, str) for it in ("column", "value", "template"))
    values, otherwise = table.optional("values", dict), table.optional("otherwise", str)
    table.finish()
    if sum(each is not None for each in (column, value, template)) != 1:
        raise MappingError(key, "say one of column, value and template")
    if column is not None and not column.strip():
        raise MappingError(f"{key}.column", "this must be the name of a column")
    if values is not None and column is None:
        raise MappingError(f"{key}.values", "only what a column holds is translated")
    if otherwise is not None and values is None:
        raise MappingError(f"{key}.otherwise", "this goes with values")
    if any(not isinstance(each, str) for each in (values or {}).values()):
        raise MappingError(f"{key}.values", "each value must be a text")
    if template is not None:
        return Source.template(key, template)
    parts = (value,) if value is not None else ("", column or "", "")
    return Source(key=key, parts=parts, values=values, otherwise=otherwise)


def _check_constants(mapping: ImportMapping) -> None:
    """A constant that cannot be read would refuse every row: said once, and before the first."""
    for name in KEYS:
        for key, source in getattr(mapping, name).items():
            if source.constant:
                try:
                    KEYS[name][key].read(mapping.file)(source.constant)
                except Unreadable as error:
                    raise MappingError(source.key, str(error)) from error
