"""The sections of a mapping, tied to the columns of one file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.services.importing.formats import Unreadable
from app.services.importing.mapping import KEYS, ImportMapping
from app.services.importing.refusals import RowRefused
from app.services.importing.sources import Fields, Source


@dataclass(frozen=True, slots=True)
class Bound:
    """A key of a section, tied to the columns of a file."""

    source: Source
    read: Callable[[Fields], str]
    parse: Callable[[str], Any]
    required: bool

    def parsed(self, text: str) -> Any:
        """What the text says. Raises RowRefused for what cannot be read."""
        try:
            return self.parse(text)
        except Unreadable as error:
            raise RowRefused(self.source.column, str(error)) from error


def bind(mapping: ImportMapping, section: str, positions: Mapping[str, int]) -> dict[str, Bound]:
    """The keys of a section; `positions` says where each column is."""
    return {
        key: Bound(
            source,
            source.bind(positions),
            KEYS[section][key].read(mapping.file),
            KEYS[section][key].required,
        )
        for key, source in getattr(mapping, section).items()
    }


def values_of(bound: Mapping[str, Bound], section: str, fields: Fields) -> dict[str, Any]:
    """What the section's keys hold in this row, without those that hold nothing."""
    values = {}
    for key, each in bound.items():
        found = each.read(fields)
        if not found:
            if each.required:
                raise RowRefused(each.source.column, f"There is no {section}.{key} in this row.")
            continue
        try:
            values[key] = each.parse(found)
        except Unreadable as error:
            raise RowRefused(each.source.column, str(error)) from error
    return values


def is_for(section: Mapping[str, Bound], fields: Fields) -> bool:
    """Whether a section is there, and for this row."""
    return bool(section) and ("when" not in section or bool(section["when"].read(fields)))
