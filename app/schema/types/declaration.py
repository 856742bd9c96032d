"""How a field is declared, once: its SDL, its SQL, its guard, its filter and its order.

A declaration is data attached to a Strawberry field. The planner reads it; graphql-core never runs
it. An expression is a function of a `Row`: the same declaration serves a table under any alias.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import wraps
from typing import Any, NoReturn, Protocol, TypeVar, cast

import strawberry
from sqlalchemy import Column, ColumnElement, Select, Subquery, Table
from sqlalchemy.types import TypeEngine
from strawberry.schema_directive import Location

from app.domain.text import LINE, PARAGRAPH
from app.policies.conditions import ScopeCondition

PLANNED = "planned"
# What counts when reads are bounded: the rows that a figure is made of, more or less, and those of
# a list without a limit; and how long a value may be that is no text.
FIGURE_ROWS = 50
FEW_ROWS = 20
FIGURE_CHARACTERS = 40


class Row(Protocol):
    """A row of a planned type, under whatever alias it has in the statement."""

    def __getitem__(self, column: Column[Any]) -> ColumnElement[Any]:
        """The column of the type's own table, or of one it declares to join."""
        ...


Joined = Table | Subquery
Expression = Callable[[Row], ColumnElement[Any]]
Link = Callable[[Row, Row], ColumnElement[bool]]
Mask = Callable[[ColumnElement[Any]], ColumnElement[Any]]
Computation = Callable[[Row, Mapping[str, ColumnElement[Any]]], Select[Any]]
DateCondition = Callable[[Row, ColumnElement[Any]], ColumnElement[bool]]


class Kind(StrEnum):
    """How a leaf's SQL value becomes JSON, and how it may be compared."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    INSTANT = "instant"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LIST = "list"
    JSON = "json"


class Owner(Enum):
    """Whose facts decide the visibility of a type's rows."""

    CUSTOMER = "customer"
    USER = "user"
    TEAM = "team"
    NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the rows of a type come from.

    `joins` are one-to-one tables, joined only when a selection touches them; every row has one of
    those that are `always_there`. `customer_id` is the
    column that names the owning customer, for types whose owner is one. `searched` names the text
    fields that a fuzzy search covers. `date_filters` are conditions on a date that no field has;
    they, and look-ups by a date, tell of the fields `dated_by`. `part_of` names the type whose
    rows these are seen with: no rule speaks of them.
    `unless_filtered` is a condition that lists apply unless the caller filters by that field.
    """

    table: Table
    owner: Owner
    customer_id: Column[Any] | None = None
    part_of: str | None = None
    joins: Mapping[Joined, Link] = field(default_factory=dict)
    always_there: Sequence[Table] = ()
    key: Sequence[Column[Any]] = ()
    searched: Sequence[str] = ()
    date_filters: Mapping[str, DateCondition] = field(default_factory=dict)
    dated_by: Sequence[str] = ()
    unless_filtered: tuple[str, Expression] | None = None


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How many rows a list may have that its nature does not bound; beyond, it is refused.

    `advice` says what to ask for instead. `counted` is the number of rows where the parent knows
    it: of all lists that are parts of one whole, for a limit on them together.
    """

    rows: int
    advice: str
    counted: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A scalar, an enum or a list of them, of at most so many characters as JSON.

    `column` is its column's name, where it is nothing but one. `subject`, of JSON, says which
    type's columns the keys are: their values are shown as far as that type's own fields are.
    `is_name`: text that names or marks the row, kept in one form of Unicode and sought in it.
    `in_lists` is the same value, as lists of every row there is compare it: joined to all of them
    at once where `value` reads for one row.
    """

    value: Expression
    kind: Kind
    column: str | None = None
    subject: Expression | None = None
    characters: int = FIGURE_CHARACTERS
    guard: str | None = None
    mask: Mask | None = None
    filterable: bool = False
    is_name: bool = False
    order: str | None = None
    in_lists: Expression | None = None

    def compared_in(self, rows: ScopeCondition) -> Expression:
        """What a list of such rows orders and filters by."""
        return self.in_lists if self.in_lists and rows.is_always else self.value


@dataclass(frozen=True, kw_only=True)
class GlobalIdLeaf:
    """The Relay id, made of the type's tag and the row's key. Also the order that never ties."""

    order: str | None = None
    guard: None = None


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """An object made of columns of the same row; null where `present` is false."""

    present: Expression | None = None
    guard: str | None = None


@dataclass(frozen=True, kw_only=True)
class One:
    """At most one row of another type. `concrete` names it where the field is an interface.

    Where `filterable`, lists filter by the related row's id; `absence` names the filter for rows
    that have none. Both count only related rows that the viewer can see. `column` is the one that
    holds the related row's id, where what is recorded of a row has it.
    """

    link: Link
    column: Column[Any] | None = None
    guard: str | None = None
    concrete: str | None = None
    filterable: bool = False
    absence: str | None = None


@dataclass(frozen=True, kw_only=True)
class Derived:
    """An object computed from a row and the field's arguments: the one row of a subselect.

    `rows` makes the subselect, with the columns of the type's source table. `arguments` gives each
    argument's SQL type and what it is when it is left out, if it may be; where they are the two
    ends of a `span`, the first must not come after the second. `plural`: a list of all rows, in an
    `order` or that of the subselect, and at most as many as its `limit` says. `weight` is how many
    rows a figure is made of, more or less: it counts when reads are bounded.
    """

    rows: Computation
    arguments: Mapping[str, tuple[TypeEngine[Any], Callable[[], ColumnElement[Any]] | None]] = (
        field(default_factory=dict)
    )
    span: tuple[str, str] | None = None
    plural: bool = False
    order: Sequence[Column[Any]] = ()
    limit: Limit | None = None
    weight: int = FIGURE_ROWS
    guard: str | None = None


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """A root field for one row, found by exactly one of the arguments.

    An argument finds by a column's value, by the row's global id (`ID`), or by a date condition.
    """

    by: Mapping[str, Column[Any] | DateCondition | None]
    guard: None = None


@dataclass(frozen=True, kw_only=True)
class NodeLookup:
    """The root fields `node` and `nodes`: rows of any planned type by global id."""

    plural: bool = False
    guard: None = None


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A scalar that the caller binds by name: what a mutation tells beside the rows it wrote."""

    name: str
    kind: Kind
    guard: None = None


@dataclass(frozen=True, kw_only=True)
class Many:
    """A list that its parent bounds by nature (the lines of an invoice), or that has a `limit`.

    Its order is fixed. Without a limit it counts as `FEW_ROWS`.
    """

    link: Link
    order: Sequence[Column[Any]]
    limit: Limit | None = None
    guard: str | None = None


@dataclass(frozen=True, kw_only=True)
class Connected:
    """A page of rows of another type, by keyset cursor.

    `order` names the declared order that applies when none is asked for; without it, the key's.
    `total` is the column that has the number of one customer's rows, in a table that has a row for
    each customer: the list is then of all rows of a customer, or of all customers.
    """

    link: Link | None = None
    total: Column[Any] | None = None
    guard: str | None = None
    order: str | None = None


Declaration = (
    Leaf | GlobalIdLeaf | Embedded | One | Many | Connected | Derived | Lookup | NodeLookup | Bound
)


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION], name="guarded")
class Guarded:
    """The field may be withheld or masked: it is then null or shows its form only."""

    group: str


_CHARACTERS = {Kind.TEXT: LINE, Kind.LIST: PARAGRAPH, Kind.JSON: 10_000}


def leaf(
    value: Column[Any] | Expression,
    kind: Kind = Kind.TEXT,
    *,
    guard: str | None = None,
    mask: Mask | None = None,
    filterable: bool = False,
    is_name: bool = False,
    order: str | None = None,
    in_lists: Expression | None = None,
    characters: int | None = None,
    subject: Column[Any] | None = None,
    name: str | None = None,
    description: str | None = None,
) -> Any:
    """Declare a scalar field, whose text has at most `characters`.

    `filterable` and `order` count only where it is readable whole.
    """
    declaration = Leaf(
        value=_expression(value),
        kind=kind,
        column=value.name if isinstance(value, Column) else None,
        subject=None if subject is None else _expression(subject),
        characters=characters or _CHARACTERS.get(kind, FIGURE_CHARACTERS),
        guard=guard,
        mask=mask,
        filterable=filterable,
        is_name=is_name,
        order=order,
        in_lists=in_lists,
    )
    return declare(declaration, name=name, description=description)


def _expression(value: Column[Any] | Expression) -> Expression:
    return (lambda row: row[value]) if isinstance(value, Column) else value


def declare(
    declaration: Declaration, *, name: str | None = None, description: str | None = None
) -> Any:
    """Declare a field without arguments. `name` is for those that Python cannot spell."""
    return strawberry.field(
        name=name,
        description=description,
        metadata={PLANNED: declaration},
        directives=guard_directives(declaration),
    )


F = TypeVar("F", bound=Callable[..., Any])


def planned(declaration: Declaration) -> Callable[[F], Any]:
    """Declare a field with arguments: the function is its signature and is never called."""

    def declare_signature(signature: F) -> Any:
        @wraps(signature)
        def never(*_: object, **__: object) -> NoReturn:
            raise RuntimeError(f"{signature.__qualname__} is planned and must not be resolved")

        return strawberry.field(
            resolver=cast("F", never),
            description=signature.__doc__,
            metadata={PLANNED: declaration},
            directives=guard_directives(declaration),
        )

    return declare_signature


def guard_directives(declaration: Declaration) -> list[object]:
    """The SDL's @guarded for a guarded field."""
    return [Guarded(group=declaration.guard)] if declaration.guard else []


T = TypeVar("T", bound=type)


def planned_type(source: Source | None = None) -> Callable[[T], T]:
    """Mark a Strawberry type as one the planner reads from `source`.

    Without a source the type is a view of its parent's row (an embedded object) or of bound values
    (a mutation's payload).
    """

    def mark(cls: T) -> T:
        cls.__planned_source__ = source  # type: ignore[attr-defined] # read back by the catalogue
        return cls

    return mark
