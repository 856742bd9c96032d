"""How much one operation may ask for: fields when it is compiled, page sizes when it runs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

from app.domain.errors import Invalid
from app.schema.types.declaration import FEW_ROWS, Limit

MAX_FIELDS = 5000
MAX_RELATIONS = 300
MAX_DEPTH = 20
# Reads inside pages multiply, and so does what they answer with, which both processes hold in
# memory. Counted are the longest texts there may be; lists that have no limit count as few rows.
MAX_NESTED_ROWS = 200_000
MAX_CHARACTERS = 25_000_000
# A variable is sent once and may stand in many places, each of which sends it on.
MAX_BOUND_CHARACTERS = 20_000_000
# What an element of a list takes to convert, in characters of a text.
ELEMENT_CHARACTERS = 500
MAX_CONDITIONS = 5000

Products = tuple[tuple[int, tuple[int, ...]], ...]
"""Numbers, and the places of the arguments that each is multiplied by."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """The rows inside pages that a plan reads, and the characters that it answers with."""

    rows: Products
    characters: Products

    def check(self, arguments: Sequence[Any]) -> None:
        """Refuses page sizes that come to too much together."""
        for products, allowed, would in (
            (self.rows, MAX_NESTED_ROWS, "read {} rows"),
            (self.characters, MAX_CHARACTERS, "answer with {} characters"),
        ):
            count = sum(each * prod(arguments[place] for place in path) for each, path in products)
            if count > allowed:
                raise Invalid(f"This could {would.format(count)}: at most {allowed}. Ask for less.")


def check_bound(values: Iterable[Any]) -> None:
    """Refuses values that are too long together, at all the places where they stand."""
    length = 0
    for value in values:
        if type(value) is str:
            length += len(value)
        elif type(value) is list:
            length += sum(len(each) for each in value if type(each) is str)
            length += ELEMENT_CHARACTERS * len(value)
        if length > MAX_BOUND_CHARACTERS:
            raise Invalid("The values of this operation are too long, at all places they stand at.")


class Bounds:
    """What one compilation has counted so far, and what surrounds the place where it is."""

    def __init__(self) -> None:
        self._fields = 0
        self._depth = 0
        self._relations = 0
        self._conditions = 0
        # Numbers, and the names of the page sizes that multiply them.
        self._rows: list[tuple[int, tuple[str, ...]]] = []
        self._characters: list[tuple[int, tuple[str, ...]]] = []
        self._pages_around: tuple[str, ...] = ()
        # The rows that lists around may have which are no pages; the same but for the innermost.
        self._rows_around = 1
        self._rows_outside = 1

    def count_field(self, path: tuple[str, ...]) -> None:
        """Aliases and nested fragments can multiply a short document."""
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise Invalid(f"An operation selects at most {MAX_FIELDS} fields.", *path)
        if self._depth > MAX_DEPTH:
            raise Invalid(f"Objects nest at most {MAX_DEPTH} deep.", *path)

    def count_relation(self) -> None:
        """Each table in the statement makes planning it dearer."""
        self._relations += 1
        if self._relations > MAX_RELATIONS:
            raise Invalid(f"An operation reads at most {MAX_RELATIONS} lists and objects.")

    def count_condition(self) -> None:
        """Filters that come in a variable may be long, and stand in many places."""
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise Invalid(f"An operation filters by at most {MAX_CONDITIONS} conditions.")

    def count_rows(self, number: int) -> None:
        """That so many are read for each row of what is around."""
        self._rows.append((number * self._rows_around, self._pages_around))

    def count_characters(self, number: int) -> None:
        """That each row of what is around answers with so many."""
        self._characters.append((number * self._rows_around, self._pages_around))

    @contextmanager
    def inside_object(self) -> Iterator[None]:
        """What is counted within belongs to one object."""
        self._depth += 1
        yield
        self._depth -= 1

    @contextmanager
    def inside_page(self, size: str) -> Iterator[None]:
        """What is counted within is there for each row of a page of this size."""
        around = self._pages_around
        self._pages_around = (*around, size)
        if around or self._rows_around > 1:
            self.count_rows(1)
        yield
        self._pages_around = around

    @contextmanager
    def inside_list(self, limit: Limit | None) -> Iterator[None]:
        """What is counted within is there for each row of a list.

        Lists of which the number is known have their limit together, not each.
        """
        around, outside = self._rows_around, self._rows_outside
        whole = outside if limit and limit.counted else around
        self._rows_around = whole * (limit.rows if limit else FEW_ROWS)
        self._rows_outside = around
        self.count_rows(1)
        yield
        self._rows_around, self._rows_outside = around, outside

    def amounts(self, names: Sequence[str]) -> Amounts:
        """All that was counted, for a statement whose parameters have these names."""
        return Amounts(_products(self._rows, names), _products(self._characters, names))


def _products(counted: Sequence[tuple[int, tuple[str, ...]]], names: Sequence[str]) -> Products:
    """What the same sizes multiply is added up beforehand."""
    sums: Counter[tuple[int, ...]] = Counter()
    for number, sizes in counted:
        # A page of which only the count is read has no size in the statement.
        if all(size in names for size in sizes):
            sums[tuple(names.index(size) for size in sizes)] += number
    return tuple((number, places) for places, number in sums.items())
