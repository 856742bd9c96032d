"""What an operation says before any row is read: its refusals, and the coordinates kept back.

Both follow from the document and the rules alone, so they can say nothing about rows.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from app.domain.errors import Invalid
from app.domain.global_id import decode, decode_as
from app.policies.conditions import ScopeCondition
from tests.planner.oracle_fields import CONCRETE, TAGS, has_masked_form
from tests.planner.oracle_lists import DEFAULT_PAGE, ORDER_FIELDS, SEARCHED, Listing
from tests.planner.oracle_recorded import RECORDED, SUBJECTS, chains, sees_reference
from tests.planner.sight import COMPUTED, EMBEDDED, PARTS, Sight

MAX_PAGE = 1000
LIMITS = {"BalanceGroup.entries": 10_000, "Statement.lines": 5000}
"""How many rows a list may have that is no page."""
RELATED = {
    "assignedTo": ("assignedTo", "User"),
    "unassigned": ("assignedTo", "User"),
    "period": ("period", "AccountingPeriod"),
}
"""Filters by a related row, and by its absence: the relation and its type."""
FEW_ROWS = 20
WEIGHTS = {"Customer.verifyLedger": 5000}
FIGURE_ROWS = 50
LENGTHS = {"[String!]!": 2000, "JSON": 10_000, "JSON!": 10_000, "String": 200, "String!": 200}
PARAGRAPHS = {
    *("Customer.notes", "LedgerEntry.description", "StatementLine.description"),
    *("DriftFinding.note", "JobFailure.message"),
}
LOOKUPS = {
    "customer": ("id", "code"),
    "ledgerEntry": ("id", "number"),
    "accountingPeriod": ("id", "covers"),
    "product": ("sku",),
}


class Refusal(NamedTuple):
    """A reason for answering nothing."""

    code: str
    path: tuple[str, ...]
    coordinate: str | None = None


@dataclass
class Survey:
    """Walks the selections of an operation, type by type, whatever rows there are."""

    sight: Sight
    schema: GraphQLSchema
    document: DocumentNode
    variables: VariableValues
    refusals: list[Refusal] = field(default_factory=list)
    withheld: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)
    nested_rows: int = 0
    """How many rows the pages inside pages could have."""
    characters: int = 0
    """How many characters the objects of the answer could have together."""
    sizes: tuple[int, ...] = ()
    path: tuple[str, ...] = ()
    """The response keys from the operation's root to the object that is looked at."""

    def run(self) -> "Survey":
        operation = next(
            each for each in self.document.definitions if isinstance(each, OperationDefinitionNode)
        )
        for key, nodes in self.collect("Query", [operation.selection_set]).items():
            if nodes[0].name.value != "__typename":
                self._root(key, nodes)
        return self

    def collect(
        self, type_name: str, sets: Iterable[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """Response keys and what they merge, for an object of the type."""
        found: dict[str, list[FieldNode]] = {}
        for each in sets:
            for node in self._flat(type_name, each):
                found.setdefault((node.alias or node.name).value, []).append(node)
        return found

    def _flat(self, type_name: str, selection_set: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selection_set.selections:
            if not self._included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                yield node
                continue
            inside: Any = node
            if isinstance(node, FragmentSpreadNode):
                inside = self._fragment(node.name.value)
            condition = inside.type_condition
            if condition is None or self._applies(type_name, condition.name.value):
                yield from self._flat(type_name, inside.selection_set)

    def _fragment(self, name: str) -> FragmentDefinitionNode:
        return next(
            each
            for each in self.document.definitions
            if isinstance(each, FragmentDefinitionNode) and each.name.value == name
        )

    def _applies(self, type_name: str, condition: str) -> bool:
        given = self.schema.type_map[type_name]
        assert isinstance(given, GraphQLObjectType)
        return condition in {type_name, *(each.name for each in given.interfaces)}

    def _included(self, directives: Iterable[Any]) -> bool:
        for directive in directives:
            asked = directive.arguments[0].value
            holds = (
                self.variables.coerced[asked.name.value]
                if isinstance(asked, VariableNode)
                else asked.value
            )
            if holds is (directive.name.value == "skip"):
                return False
        return True

    def _root(self, key: str, nodes: list[FieldNode]) -> None:
        name = nodes[0].name.value
        if name in {"node", "nodes"}:
            self._node(key, nodes)
            return
        graphql_field = self.schema.query_type.fields[name]
        target = get_named_type(graphql_field.type).name
        item = target.removesuffix("Connection")
        rows = self.sight.query(name, item)
        allowed = self.sight.grant.query(f"Query.{name}", item)
        if name in LOOKUPS:
            self._lookup(key, nodes, item)
        if allowed.is_never or (name in LOOKUPS and rows.is_never):
            self._refuse("FORBIDDEN", key, coordinate=f"Query.{name}")
        elif target == item:
            self._object(item, key, nodes, rows)
        else:
            self._page(f"Query.{name}", item, key, nodes, rows)

    def _lookup(self, key: str, nodes: list[FieldNode], type_name: str) -> None:
        given = self._arguments("Query", nodes[0])
        named = [each for each in LOOKUPS[nodes[0].name.value] if given.get(each) is not None]
        if len(named) != 1:
            self._refuse("VALIDATION", key)
        elif named == ["id"]:
            self._id(given["id"], key, "id", type_name=type_name)
        else:
            self._no_nul(given[named[0]], (key, named[0]))

    def _node(self, key: str, nodes: list[FieldNode]) -> None:
        given = self._arguments("Query", nodes[0])
        name = "ids" if "ids" in given else "id"
        for text in given["ids"] if name == "ids" else [given["id"]]:
            self._id(text, key, name)
        self.sizes = (len(given["ids"]),) if name == "ids" else ()
        for type_name in TAGS:
            rows = self.sight.rows(type_name)
            if not rows.is_never:
                self._object(type_name, key, nodes, rows)
        self.sizes = ()

    @contextmanager
    def _under(self, key: str) -> Iterator[None]:
        self.path = (*self.path, key)
        yield
        self.path = self.path[:-1]

    def _object(
        self, type_name: str, key: str, nodes: list[FieldNode], rows: ScopeCondition
    ) -> None:
        """What is selected by `nodes`, which the response merges under `key`, of one object."""
        with self._under(key):
            self._fields(type_name, [node.selection_set for node in nodes], rows)

    def _fields(self, type_name: str, sets: list[Any], rows: ScopeCondition) -> None:
        collected = self.collect(type_name, sets)
        lengths = (
            len(key) + 40 + self._length(type_name, nodes[0].name.value)
            for key, nodes in collected.items()
        )
        self.characters += sum(lengths) * prod(self.sizes)
        for key, nodes in collected.items():
            name = nodes[0].name.value
            if name != "__typename":
                self._field(type_name, name, key, nodes, rows)

    def _length(self, type_name: str, name: str) -> int:
        """How long a value may be."""
        if name == "__typename":
            return 0
        coordinate = f"{type_name}.{name}"
        declared = self.schema.type_map[type_name].fields[name].type
        if coordinate in PARAGRAPHS:
            return 2000
        return LENGTHS.get(str(declared), 40 if is_leaf_type(get_named_type(declared)) else 0)

    def _field(
        self, type_name: str, name: str, key: str, nodes: list[FieldNode], rows: ScopeCondition
    ) -> None:
        coordinate = f"{type_name}.{name}"
        shows_form = self._kept_back(coordinate, rows)
        is_hidden = (self.sight.access(coordinate).when_whole & rows).is_never
        if coordinate in RECORDED and not is_hidden:
            self._recorded(coordinate, rows)
        target = get_named_type(self.schema.type_map[type_name].fields[name].type)
        if shows_form and target.name in EMBEDDED:
            self._forms(target.name, [node.selection_set for node in nodes], rows)
        if is_leaf_type(target) or is_hidden:
            return
        if target.name in EMBEDDED:
            self._object(target.name, key, nodes, rows)
        elif target.name in COMPUTED:
            self._computed(coordinate, target.name, key, nodes, rows)
        elif target.name.endswith("Connection"):
            item = target.name.removesuffix("Connection")
            self._page(coordinate, item, key, nodes, self.sight.rows(item))
        else:
            item = CONCRETE.get(coordinate, target.name)
            with self._inside(coordinate):
                self._object(item, key, nodes, self.sight.rows(item))

    def _kept_back(self, coordinate: str, rows: ScopeCondition) -> bool:
        """Notes what is masked or withheld; whether the masked form is shown on some row."""
        access = self.sight.access(coordinate)
        shows_form = has_masked_form(self.schema, coordinate) and not (
            (access.when_masked & rows).is_never
        )
        if shows_form:
            self.masked.add(coordinate)
        seen = access.when_whole | access.when_masked if shows_form else access.when_whole
        if not seen.covers(rows):
            self.withheld.add(coordinate)
        return shows_form

    def _recorded(self, coordinate: str, rows: ScopeCondition) -> None:
        """Of the values in an event, those that their own fields keep back."""
        for subject in SUBJECTS:
            if not self.sight.rows(subject).covers(rows):
                self.withheld.add(coordinate)
            for whole, *part in chains(self.schema, subject):
                shows_form = self._kept_back(whole, rows)
                is_hidden = (self.sight.access(whole).when_whole & rows).is_never
                if not is_hidden and not sees_reference(self.sight, whole):
                    self.withheld.add(whole)
                if part and not is_hidden:
                    self._kept_back(part[0], rows)
                if part and shows_form:
                    self._form_kept_back(part[0], rows)

    def _computed(
        self,
        coordinate: str,
        type_name: str,
        key: str,
        nodes: list[FieldNode],
        rows: ScopeCondition,
    ) -> None:
        given = self._arguments(coordinate.partition(".")[0], nodes[0])
        if coordinate == "Customer.statement" and given["from"] > given["to"]:
            self._refuse("VALIDATION", key, "from")
        self.nested_rows += WEIGHTS.get(coordinate, FIGURE_ROWS) * prod(self.sizes)
        with self._inside(coordinate):
            seen = self.sight.rows(type_name) if type_name in PARTS else rows
            self._object(type_name, key, nodes, seen)

    @contextmanager
    def _inside(self, coordinate: str) -> Iterator[None]:
        around = self.sizes
        type_name, _, name = coordinate.partition(".")
        if "[" in str(self.schema.type_map[type_name].fields[name].type):
            # Groups have their entries together, not each.
            whole = around[:-1] if coordinate == "BalanceGroup.entries" else around
            self.sizes = (*whole, LIMITS.get(coordinate, FEW_ROWS))
            self.nested_rows += prod(self.sizes)
        yield
        self.sizes = around

    def _forms(self, type_name: str, sets: list[Any], rows: ScopeCondition) -> None:
        """Parts of a masked object show their form, unless they are withheld themselves."""
        for nodes in self.collect(type_name, sets).values():
            coordinate = f"{type_name}.{nodes[0].name.value}"
            if coordinate in self.sight.groups:
                self._form_kept_back(coordinate, rows)

    def _form_kept_back(self, coordinate: str, rows: ScopeCondition) -> None:
        access = self.sight.access(coordinate)
        if not (access.when_whole | access.when_masked).covers(rows):
            self.withheld.add(coordinate)

    def _page(
        self, coordinate: str, item: str, key: str, nodes: list[FieldNode], rows: ScopeCondition
    ) -> None:
        given = self._arguments(coordinate.partition(".")[0], nodes[0])
        self._window(key, given)
        listing = Listing(self.sight, self.schema, {}, coordinate, item, [], given)
        filtered = given.get("filter") or {}
        self._filter(item, filtered, rows, (key, "filter"))
        for index, wish in enumerate(given.get("orderBy") or []):
            head, *rest = ORDER_FIELDS.get(wish["field"], wish["field"].lower()).split("_")
            name = head + "".join(part.title() for part in rest)
            self._whole(f"{item}.{name}", rows, (key, "orderBy", str(index), "field"))
        for name in ("after", "before"):
            if given.get(name) is not None and not _is_position(listing, given[name]):
                self._refuse("VALIDATION", key, name)
        around, self.sizes = self.sizes, (*self.sizes, _size(given))
        if around:
            self.nested_rows += prod(self.sizes)
        with self._under(key):
            self._listed(item, nodes, rows)
        self.sizes = around

    def _listed(self, item: str, nodes: list[FieldNode], rows: ScopeCondition) -> None:
        """What is selected of each row of a page."""
        connection = self.collect(f"{item}Connection", [node.selection_set for node in nodes])
        for key, listing in connection.items():
            if listing[0].name.value == "nodes":
                self._object(item, key, listing, rows)
            elif listing[0].name.value == "edges":
                edge = self.collect(f"{item}Edge", [node.selection_set for node in listing])
                with self._under(key):
                    for inner_key, inner in edge.items():
                        if inner[0].name.value == "node":
                            self._object(item, inner_key, inner, rows)

    def _window(self, key: str, given: Mapping[str, Any]) -> None:
        sizes = {name: given[name] for name in ("first", "last") if given.get(name) is not None}
        if len(sizes) == 2:
            self._refuse("VALIDATION", key, "last")
        for name, size in sizes.items():
            if not 1 <= size <= MAX_PAGE:
                self._refuse("VALIDATION", key, name)

    def _filter(
        self,
        item: str,
        given: Mapping[str, Any],
        rows: ScopeCondition,
        path: tuple[str, ...],
    ) -> None:
        for name, asked in given.items():
            here = (*path, name)
            if asked is None:
                continue
            if name in {"and", "or"}:
                for index, part in enumerate(asked):
                    self._filter(item, part, rows, (*here, str(index)))
            elif name == "not":
                self._filter(item, asked, rows, here)
            elif name == "search":
                self._search(item, asked, rows, here)
            elif name in RELATED:
                self._related(item, name, asked, rows, here)
            elif name != "covers":
                self._whole(f"{item}.{name}", rows, here)
                self._no_nul(asked, here)

    def _related(
        self, item: str, name: str, asked: Any, rows: ScopeCondition, path: tuple[str, ...]
    ) -> None:
        relation, target = RELATED[name]
        self._whole(f"{item}.{relation}", rows, path)
        if not isinstance(asked, bool):
            for text in asked if isinstance(asked, list) else [asked]:
                self._id(text, *path, type_name=target)

    def _search(self, item: str, sought: str, rows: ScopeCondition, path: tuple[str, ...]) -> None:
        if len(path) > 3:
            self._refuse("VALIDATION", *path)
            return
        readable = [
            name
            for name in SEARCHED[item]
            if self.sight.access(f"{item}.{name}").is_whole_for(rows)
        ]
        if not readable:
            self._refuse("FORBIDDEN", *path, coordinate=f"{item}.search")
        if not sought.strip() or len(sought) > 200 or "\0" in sought:
            self._refuse("VALIDATION", *path)

    def _no_nul(self, asked: Any, path: tuple[str, ...]) -> None:
        if isinstance(asked, Mapping):
            for operator, operand in asked.items():
                self._no_nul(operand, (*path, operator))
        elif isinstance(asked, list):
            for each in asked:
                self._no_nul(each, path)
        elif isinstance(asked, str) and "\0" in asked:
            self._refuse("VALIDATION", *path)

    def _whole(self, coordinate: str, rows: ScopeCondition, path: tuple[str, ...]) -> None:
        if not self.sight.access(coordinate).is_whole_for(rows):
            self._refuse("FORBIDDEN", *path, coordinate=coordinate)

    def _id(self, text: str, *path: str, type_name: str | None = None) -> None:
        try:
            decode_as(type_name, text) if type_name else decode(text)
        except Invalid:
            self._refuse("VALIDATION", *path)

    def _arguments(self, type_name: str, node: FieldNode) -> dict[str, Any]:
        graphql_field = self.schema.type_map[type_name].fields[node.name.value]
        return get_argument_values(graphql_field, node, self.variables)

    def _refuse(self, code: str, *path: str, coordinate: str | None = None) -> None:
        self.refusals.append(Refusal(code, (*self.path, *path), coordinate))


def _size(given: Mapping[str, Any]) -> int:
    asked: int | None = given.get("first") or given.get("last")
    return asked or DEFAULT_PAGE


def _is_position(listing: Listing, cursor: str) -> bool:
    try:
        listing.position(cursor)
    except (ValueError, ArithmeticError):
        return False
    return True
