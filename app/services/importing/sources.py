"""Where a value comes from: a column, a constant, or a template of several columns."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.services.importing.refusals import RowRefused

Fields = Sequence[str]

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
# What keeps a spreadsheet from taking a text for a number: ="00123"
_SUSPECT = {"=", "#"}
_WRAPPED = re.compile('="([^"]*)"')
_FAILED = re.compile("#(?:N/A|REF!|VALUE!|NAME[?]|DIV/0!|NULL!|NUM!|SPILL!|CALC!)|#{2,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """`parts` alternate literal text and column names, beginning and ending with text.

    `values` translates what comes out; what it does not know becomes `otherwise`, or refuses the
    row. Blanks around the result mean nothing; a blank result means that there is no value, and
    becomes one only where `values` says so of the blank itself.
    """

    key: str
    parts: tuple[str, ...]
    values: Mapping[str, str] | None = None
    otherwise: str | None = None

    @classmethod
    def template(cls, key: str, text: str) -> "Source":
        """`Customer {id}`: text with columns in braces."""
        return cls(key=key, parts=tuple(_PLACEHOLDER.split(text)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, in order."""
        return self.parts[1::2]

    @property
    def constant(self) -> str | None:
        """The value, where no column is read."""
        return None if self.columns else self.parts[0].strip()

    @property
    def column(self) -> str:
        """What to call it in a report: its columns, or its key in the mapping."""
        return ", ".join(self.columns) or self.key

    def bind(self, positions: Mapping[str, int]) -> Callable[[Fields], str]:
        """A function that reads the value from a record with columns at these positions."""
        read = self._raw(positions)
        values, otherwise = self.values, self.otherwise
        if values is None:
            return read

        def translated(fields: Fields) -> str:
            text = read(fields)
            value = values.get(text, otherwise if text else "")
            if value is None:
                raise RowRefused(self.column, "The mapping does not say what this value means.")
            return value

        return translated

    def _raw(self, positions: Mapping[str, int]) -> Callable[[Fields], str]:
        constant = self.constant
        if constant is not None:
            return lambda _: constant
        if self.parts == ("", self.columns[0], ""):
            name = self.columns[0]
            position = positions[name]

            def plain(fields: Fields) -> str:
                text = fields[position].strip()
                return cell(text, name) if text[:1] in _SUSPECT else text

            return plain
        texts = self.parts[0::2]
        places = [(positions[name], name) for name in self.columns]

        def filled(fields: Fields) -> str:
            read = [cell(fields[place], name) for place, name in places]
            if not any(read):
                return ""
            rest = (value + text for value, text in zip(read, texts[1:], strict=True))
            return (texts[0] + "".join(rest)).strip()

        return filled


def cell(text: str, column: str) -> str:
    """What a field holds, without what a spreadsheet wraps around a text; "" for nothing.

    Raises RowRefused for what is no value: a formula, or the failure of one.
    """
    text = text.strip()
    if text[:1] not in _SUSPECT:
        return text
    if wrapped := _WRAPPED.fullmatch(text):
        return wrapped[1].strip()
    if text[0] == "=" or _FAILED.fullmatch(text):
        raise RowRefused(
            column, "This is a formula of a spreadsheet, or its failure: export values instead."
        )
    return text
