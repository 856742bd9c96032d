"""Values out of a world for generated operations, most of which the viewer may use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.generation.inputs import Place, chance
from tests.planner.oracle_fields import TAGS, as_json, global_id, value
from tests.planner.oracle_lists import ORDER_FIELDS, SEARCHED, Listing, Scores
from tests.planner.sight import TABLES, Sight

NEEDLES = (
    *("mail-1", "+49 170", "box", "alpha", "C0", "foods", "wörks", "7310", "100%", "_"),
    *("STRASSE", "οδο"),
)
UNKNOWN_IDS = ("Q3VhYWFhYWFhYWFhYWFhYWFh", "UG9hYWFhYWFhYWFhYWFhYWFh")
BAD_IDS = ("", "zzz", "Q3U=", "VXMAAAAAAAAAAAAAAAAAAAAA=")
BAD_CURSORS = ("YWJj", "e30", "WyJDdXN0b21lcitJRCJd", "WyJDdXN0b21lcitJRCIsIngiXQ", "MQ")
FAULTS = 2
"""In a hundred values, so many are ones that can only be refused."""


@dataclass(frozen=True)
class WorldVocabulary:
    """For one viewer of one world."""

    schema: GraphQLSchema
    sight: Sight
    scores: Scores
    is_reckless: bool = False
    """Asks for what the viewer may not use as readily as for what they may."""

    def allows(self, place: Place) -> bool:
        """Whether the rules let the viewer use an input or ask a root field."""
        if self.is_reckless:
            return True
        head, _, field = place[-1].partition(".")
        if head == "Query":
            named = self.schema.query_type.fields[field].type
            item = str(named).strip("[]!").removesuffix("Connection")
            return item == "Node" or not self.sight.query(field, item).is_never
        coordinate = place[0]
        item = self._item(coordinate)
        if field and head.endswith("OrderField"):
            name = ORDER_FIELDS.get(field, field.lower())
            first, *rest = name.split("_")
            return self._is_whole(coordinate, item, first + "".join(each.title() for each in rest))
        if len(place) >= 4 and place[-2].endswith("Filter") and item:
            if place[-1] == "search":
                named_search = any(self._is_whole(coordinate, item, n) for n in SEARCHED[item])
                return len(place) == 4 and named_search
            return self._is_whole(coordinate, item, place[-1])
        return True

    def _is_whole(self, coordinate: str, item: str, name: str) -> bool:
        if f"{item}.{name}" not in self.sight.groups:
            return True
        rows = self.sight.rows(item)
        if coordinate.startswith("Query."):
            rows = self.sight.query(coordinate.removeprefix("Query."), item)
        return self.sight.access(f"{item}.{name}").is_whole_for(rows)

    def _item(self, coordinate: str) -> str:
        type_name, _, field = coordinate.partition(".")
        named = str(self.schema.type_map[type_name].fields[field].type).strip("[]!")
        return named.removesuffix("Connection")

    def scalar(self, draw: DrawFn, type_name: str, place: Place) -> Any:
        """A value that some row has at this place, or close to it."""
        return {
            "Int": self._size,
            "Boolean": lambda draw, _place: draw(st.booleans()),
            "ID": self._id,
            "String": self._text,
            "Decimal": self._amount,
            "Date": lambda draw, place: as_json(draw(st.sampled_from(self._found(place)))),
            "DateTime": self._instant,
        }[type_name](draw, place)

    def _size(self, draw: DrawFn, _place: Place) -> int:
        return 0 if chance(draw, 1) else draw(st.sampled_from((1, 2, 3, 4, 7, 100)))

    def _amount(self, draw: DrawFn, place: Place) -> str | int:
        found = draw(st.sampled_from(self._found(place)))
        return draw(st.sampled_from((as_json(found), int(found), f"{found:f}0")))

    def _instant(self, draw: DrawFn, _place: Place) -> str:
        rows = self.sight.world.rows("ledger_entries")
        return str(as_json(draw(st.sampled_from([row["posted_at"] for row in rows]))))

    def _found(self, place: Place) -> list[Any]:
        """What the rows of the world have at a place, of rows that nobody can see, too."""
        item = self._item(place[0])
        name = place[-3] if len(place) > 3 else place[-1]
        world = self.sight.world
        if place[-1] in {"covers", "asOf", "from", "to"}:
            return sorted({row["transaction_date"] for row in world.rows("ledger_entries")})
        if f"{item}.{name}" not in self.sight.groups:
            name = place[-1]
        values = [value(world, item, name, row) for row in world.rows(TABLES[item])]
        return sorted(
            {
                each
                for found in values
                if found is not None
                for each in (found if isinstance(found, list) else [found])
            }
        )

    def _text(self, draw: DrawFn, place: Place) -> str:
        operator = place[-1]
        if operator == "search":
            return draw(st.sampled_from(NEEDLES))
        text: str = draw(st.sampled_from(self._found(place)))
        if chance(draw, FAULTS):
            return "nul\0"
        if operator in {"contains", "startsWith"} and chance(draw, 40):
            return draw(st.sampled_from(("%", "_", "\\", "C%", "a_")))
        if operator in {"contains", "startsWith"}:
            start = 0 if operator == "startsWith" else draw(st.integers(0, len(text) - 1))
            part = text[start : start + draw(st.integers(1, 4))]
            return part.swapcase() if chance(draw, 40) else part
        return text + "%" if chance(draw, 10) else text

    def _id(self, draw: DrawFn, place: Place) -> str:
        if chance(draw, FAULTS):
            return draw(st.sampled_from(BAD_IDS))
        if chance(draw, 5):
            return draw(st.sampled_from(UNKNOWN_IDS))
        meant = {"assignedTo": "User", "period": "AccountingPeriod"}.get(place[-1])
        if place[0].startswith("Query.") and len(place) == 2:
            item = self._item(place[0])
            meant = item if item in TAGS else None
        if meant is None or chance(draw, FAULTS):
            meant = draw(st.sampled_from(sorted(TAGS)))
        row = draw(st.sampled_from(self.sight.world.rows(TABLES[meant])))
        return global_id(meant, row)

    def weight(self, place: Place) -> int:
        """Searching has rules of its own, and patterns have; each is one name among many."""
        return {"search": 4, "contains": 3, "startsWith": 3}.get(place[-1], 1)

    def insists(self, place: Place) -> bool:
        """Without it, the clock decides."""
        return place[-1] == "knownAt"

    def cursor(self, draw: DrawFn, coordinate: str, given: Mapping[str, Any]) -> str:
        """The position of some row of the list's type, as an earlier page would have given it."""
        item = self._item(coordinate)
        asked = {**given, "orderBy": [_directed(each) for each in given.get("orderBy") or []]}
        if chance(draw, FAULTS):
            return draw(st.sampled_from(BAD_CURSORS))
        rows = self.sight.world.rows(TABLES[item])
        listing = Listing(self.sight, self.schema, self.scores, coordinate, item, rows, asked)
        sought = (given.get("filter") or {}).get("search")
        if sought is not None and not listing.searched:
            return draw(st.sampled_from(BAD_CURSORS))
        return listing.cursor(draw(st.sampled_from(rows)))


def _directed(wish: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"direction": "ASC", **wish}
