"""What an operation costs that graphql-core executes: every value is completed by itself.

Counted beforehand, with as many rows as each list has. What statements answer has its bounds in
`bounds.py`.
"""

from collections.abc import Callable, Mapping
from math import ceil

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
)

from app.planner.catalogue import Catalogue

ROWS = {
    "Viewer.roles": 10,
    "Viewer.permissions": 300,
    "AccessDecision.rules": 20,
}
"""How many rows lists have that are executed."""

ASKING = {"Viewer.explainAccess": 200}
"""Fields of which the answer takes as long to find as so many values take to be completed."""


PLANNED = 15
"""What a root field counts, however much is selected in it, that has a statement of its own because
it stands beside fields which are executed."""


class Executed:
    """Counts for one schema."""

    def __init__(self, schema: GraphQLSchema, catalogue: Catalogue) -> None:
        self._schema = schema
        self._catalogue = catalogue
        self._single = _rows_of_introspection(schema, each=max)
        self._usual = _rows_of_introspection(schema, each=_average)

    def values(
        self,
        root: str,
        selection_set: SelectionSetNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> int:
        """How many values an operation on this root type comes to. Each fragment is walked once."""
        return _Count(self, fragments).of(self.type(root), selection_set, many=False)

    def type(self, name: str) -> GraphQLNamedType:
        """The type of that name; a document that is valid names no other."""
        return self._schema.type_map[name]

    def is_planned(self, parent: str, name: str) -> bool:
        """Whether a statement answers this field of a query, whatever is selected in it."""
        planned = self._catalogue.types.get("Query")
        return parent == "Query" and planned is not None and name in planned.fields

    def rows(self, coordinate: str, *, many: bool) -> int:
        """Of one list; the usual size is the measure where `many` types are gone through."""
        sizes = self._usual if many else self._single
        return sizes.get(coordinate) or ROWS.get(coordinate, 1)

    def answer_type(self, parent: GraphQLNamedType, name: str) -> GraphQLNamedType:
        """The type of what a field answers with."""
        declared = self._schema.get_field(parent, name)  # type: ignore[arg-type] # a composite type
        assert declared is not None
        return get_named_type(declared.type)


class _Count:
    """One operation."""

    def __init__(self, executed: Executed, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._executed = executed
        self._fragments = fragments
        self._known: dict[tuple[str, bool], int] = {}

    def of(self, parent: GraphQLNamedType, selection_set: SelectionSetNode, *, many: bool) -> int:
        total = 0
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                total += self._field(parent, node, many=many)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inside = self._executed.type(condition.name.value) if condition else parent
                total += self.of(inside, node.selection_set, many=many)
            elif isinstance(node, FragmentSpreadNode):
                total += self._fragment(node.name.value, many=many)
        return total

    def _fragment(self, name: str, *, many: bool) -> int:
        key = (name, many)
        if key not in self._known:
            fragment = self._fragments[name]
            parent = self._executed.type(fragment.type_condition.name.value)
            self._known[key] = self.of(parent, fragment.selection_set, many=many)
        return self._known[key]

    def _field(self, parent: GraphQLNamedType, node: FieldNode, *, many: bool) -> int:
        name = node.name.value
        if self._executed.is_planned(parent.name, name):
            return PLANNED
        coordinate = f"{parent.name}.{name}"
        rows = self._executed.rows(coordinate, many=many)
        asking = ASKING.get(coordinate, 0)
        if node.selection_set is None:
            return asking + rows
        inside = self.of(
            self._executed.answer_type(parent, name),
            node.selection_set,
            many=many or coordinate == "__Schema.types",
        )
        return asking + rows * (1 + inside)


def _average(sizes: list[int]) -> int:
    return ceil(sum(sizes) / len(sizes))


def _rows_of_introspection(
    schema: GraphQLSchema, *, each: Callable[[list[int]], int]
) -> dict[str, int]:
    """The lists of introspection by coordinate, as `each` sums up how long they are."""
    types = schema.type_map.values()
    fields = [len(getattr(one, "fields", ())) for one in types]
    arguments = [
        len(getattr(field, "args", ()))
        for one in types
        for field in getattr(one, "fields", {}).values()
    ]
    values = [len(getattr(one, "values", ())) for one in types]
    interfaces = [len(getattr(one, "interfaces", ())) for one in types]
    possible = [
        len(schema.get_possible_types(one)) if is_abstract_type(one) else 0 for one in types
    ]
    return {
        "__Schema.types": len(types),
        "__Schema.directives": len(schema.directives),
        "__Type.fields": each(fields),
        "__Type.inputFields": each(fields),
        "__Type.enumValues": each(values),
        "__Type.interfaces": each(interfaces),
        "__Type.possibleTypes": each(possible),
        "__Field.args": each(arguments),
        "__Directive.args": each([len(one.args) for one in schema.directives]),
    }
