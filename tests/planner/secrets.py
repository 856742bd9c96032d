"""What a viewer must not learn of a world: derived from the grant, cell by cell and row by row.

A cell is secret when every coordinate that reads its column is kept back from the viewer on that
row, or when the row itself is. Of a masked cell only the form is known.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import orjson

from app.models import metadata
from app.planner.catalogue import Catalogue
from app.policies.scopes import Scope
from tests.planner.oracle_fields import MASKS, has_masked_form
from tests.planner.oracle_recorded import RECORDED, content
from tests.planner.sight import EMBEDDED, OWNED, TABLES, Sight
from tests.planner.touched import touched_columns
from tests.planner.world import Row

Mask = Callable[[str], str]
_RECORDED = {("audit_events", column): coordinate for coordinate, column in RECORDED.items()}
PARTS_OF_ROWS = {"accounts": "Customer", "open_items": "LedgerEntry"}
TYPES = {table: name for name, table in TABLES.items()} | PARTS_OF_ROWS


class Cell(NamedTuple):
    """One value. `masks` are the forms of it that the viewer may know."""

    table: str
    row: Row
    column: str
    masks: tuple[Mask, ...] = ()


@dataclass(frozen=True)
class Secrets:
    sight: Sight
    catalogue: Catalogue

    def cells(self) -> Iterator[Cell]:
        """Every secret value of the world, of visible rows and of others."""
        for table, rows in self.sight.world.tables.items():
            columns = [each.name for each in metadata.tables[table].columns if not each.computed]
            for row in rows:
                is_seen = self.is_seen(table, row)
                for column in columns:
                    if (table, column) in self.fixed:
                        continue
                    masks = self._masks(table, column, row) if is_seen else ()
                    if masks is not None:
                        yield Cell(table, row, column, masks)

    def hidden_rows(self, table: str) -> list[Row]:
        return [row for row in self.sight.world.rows(table) if not self.is_seen(table, row)]

    def is_seen(self, table: str, row: Row) -> bool:
        """Whether the viewer can know that there is such a row."""
        type_name = TYPES[table]
        if table in PARTS_OF_ROWS:
            return self.sight.rows(type_name).holds(self._facts(table, row))
        return type_name in self.reachable and self.sight.sees(type_name, row)

    @cached_property
    def reachable(self) -> set[str]:
        """Types with an id, and those to which some field leads that is not withheld throughout."""
        keyed = {each.name for each in self.catalogue.node_types()}
        led_to = {
            field.item
            for planned_type in self.catalogue.types.values()
            for field in planned_type.fields.values()
            if field.coordinate in self.sight.groups
            and not self.sight.access(field.coordinate).is_none
        }
        return keyed | led_to

    @cached_property
    def _read(self) -> tuple[dict[tuple[str, str], set[str]], set[tuple[str, str]]]:
        return touched_columns(self.catalogue)

    @cached_property
    def fixed(self) -> set[tuple[str, str]]:
        """What makes rows belong together, and what the database computes or restricts."""
        return self._read[1] | {
            (table.name, column.name)
            for table in metadata.tables.values()
            for column in table.columns
            if column.primary_key
            or column.name in {"customer_id", "currency", "access_version", "roles"}
            or column.name in {"deleted_at", "status", "during", "sequence", "source"}
        }

    def _masks(self, table: str, column: str, row: Row) -> tuple[Mask, ...] | None:
        """None: some coordinate shows the cell whole."""
        facts = self._facts(table, row)
        if (table, column) in _RECORDED:
            return self._recorded(row, column, facts)
        masks: list[Mask] = []
        for coordinate in self._read[0].get((table, column), ()):
            shown = self._shown(coordinate, facts)
            if shown == "whole":
                return None
            if shown == "masked":
                # Whether an embedded object is there is known where it is masked.
                masks.append(MASKS.get(coordinate, lambda _text: "there"))
        return tuple(masks)

    def _recorded(self, row: Row, column: str, facts: frozenset[Scope]) -> tuple[Mask, ...] | None:
        """Of what an event holds the viewer knows what is shown of it."""
        if self._shown(_RECORDED["audit_events", column], facts) != "whole":
            return ()

        def shown(text: str) -> str:
            event = row | {column: text}
            return orjson.dumps(content(self.sight, self.catalogue.schema, event, column)).decode()

        return None if row[column] is None else (shown,)

    def _shown(self, coordinate: str, facts: frozenset[Scope]) -> str:
        if coordinate not in self.sight.groups:
            return "whole"
        access = self.sight.access(EMBEDDED.get(coordinate.partition(".")[0], coordinate))
        schema = self.catalogue.schema
        if access.when_whole.holds(facts):
            return "whole"
        has_form = has_masked_form(schema, coordinate)
        return "masked" if has_form and access.when_masked.holds(facts) else "withheld"

    def _facts(self, table: str, row: Row) -> frozenset[Scope]:
        if table in PARTS_OF_ROWS or TYPES[table] in OWNED:
            return self.sight.facts("Customer", self.sight.owner(row))
        return self.sight.facts(TYPES[table], row)


def is_secret_text(cell: Cell) -> Any:
    """A text that could only come from this cell; None when its value says nothing."""
    given = cell.row[cell.column]
    if isinstance(given, bytes):
        return given.hex() if any(given) else None
    return given if isinstance(given, str) and len(given) > 5 and not cell.masks else None
