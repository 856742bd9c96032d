"""What the planner can answer: the schema's declarations, read once when the program starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)

from app.schema.types.declaration import (
    PLANNED,
    Connected,
    Declaration,
    GlobalIdLeaf,
    Leaf,
    Source,
)

_DEFINITION = "strawberry-definition"


@dataclass(frozen=True, kw_only=True)
class PlannedField:
    """A declared field. `target` is the named type it answers with, `item` that of its rows."""

    name: str
    coordinate: str
    declaration: Declaration
    graphql: GraphQLField
    target: str
    item: str

    @property
    def is_always_there(self) -> bool:
        """Whether no row is without it."""
        return isinstance(self.graphql.type, GraphQLNonNull)


@dataclass(frozen=True, kw_only=True)
class PlannedType:
    """A type and its declared fields by name. `orders` maps the names of orders to fields."""

    name: str
    source: Source | None
    fields: Mapping[str, PlannedField]
    orders: Mapping[str, PlannedField]


class Catalogue:
    """Every planned type of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.types: dict[str, PlannedType] = {}
        self.unplanned: list[str] = []
        for graphql_type in schema.type_map.values():
            if isinstance(graphql_type, GraphQLObjectType) and not _is_machinery(graphql_type):
                self._add(graphql_type)

    def type(self, name: str) -> PlannedType:
        """The planned type of that name; a KeyError is a fault of the schema."""
        return self.types[name]

    def node_types(self) -> list[PlannedType]:
        """Types whose rows have a key, and so can be fetched again by global id."""
        return [each for each in self.types.values() if each.source and each.source.key]

    def guarded_coordinates(self) -> dict[str, str | None]:
        """What the policy is asked about: guarded fields by group, root queries by their type."""
        guarded: dict[str, str | None] = {}
        for planned_type in self.types.values():
            for field in planned_type.fields.values():
                if planned_type.name == "Query":
                    guarded[field.coordinate] = field.item if field.item in self.types else None
                elif field.declaration.guard is not None:
                    guarded[field.coordinate] = field.declaration.guard
        return guarded

    def fits(self, runtime_type: str, condition: str) -> bool:
        """Whether a fragment on `condition` applies to an object of `runtime_type`."""
        if runtime_type == condition:
            return True
        wider = self.schema.type_map[condition]
        return isinstance(wider, GraphQLInterfaceType) and self.schema.is_sub_type(
            wider,
            self.schema.type_map[runtime_type],
        )

    def _add(self, graphql_type: GraphQLObjectType) -> None:
        fields: dict[str, PlannedField] = {}
        for name, graphql_field in graphql_type.fields.items():
            coordinate = f"{graphql_type.name}.{name}"
            declaration = _declaration(graphql_field)
            if declaration is None:
                self.unplanned.append(coordinate)
                continue
            target: GraphQLNamedType = get_named_type(graphql_field.type)
            item = target
            if isinstance(declaration, Connected):
                assert isinstance(target, GraphQLObjectType)
                item = get_named_type(target.fields["nodes"].type)
            fields[name] = PlannedField(
                name=name,
                coordinate=coordinate,
                declaration=declaration,
                graphql=graphql_field,
                target=target.name,
                item=item.name,
            )
        if fields:
            self.types[graphql_type.name] = PlannedType(
                name=graphql_type.name,
                source=_source(graphql_type),
                fields=fields,
                orders={
                    field.declaration.order: field
                    for field in fields.values()
                    if isinstance(field.declaration, (Leaf, GlobalIdLeaf))
                    and field.declaration.order
                },
            )


def has_masked_form(embedded_type: PlannedType) -> bool:
    """Whether an embedded object can be shown by its form: all of its values have one."""
    return all(
        isinstance(field.declaration, Leaf) and field.declaration.mask is not None
        for field in embedded_type.fields.values()
    )


def _is_machinery(graphql_type: GraphQLObjectType) -> bool:
    """Introspection, and the page types that the planner writes itself."""
    return (
        graphql_type.name.startswith("__")
        or graphql_type.name == "PageInfo"
        or graphql_type.name.endswith(("Connection", "Edge"))
    )


def _declaration(graphql_field: GraphQLField) -> Declaration | None:
    definition: Any = graphql_field.extensions.get(_DEFINITION)
    found: Declaration | None = definition.metadata.get(PLANNED) if definition else None
    return found


def _source(graphql_type: GraphQLObjectType) -> Source | None:
    definition: Any = graphql_type.extensions.get(_DEFINITION)
    return getattr(definition.origin, "__planned_source__", None) if definition else None
