"""Whether all fields that answer under one key can be merged: a rule of the specification.

The rule as it is written compares fields pair by pair, and so does graphql-core. What it asks is
whether they are all alike, so each need only be compared with the first: fields are put together by
response key, level by level, and every selection of an operation is visited a bounded number of
times. Verdicts are the same (a test compares them); messages name the outermost key.

https://spec.graphql.org/draft/#sec-Field-Selection-Merging
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_object_type,
)

MAX_VISITS = 200_000
"""Of fields in one document. Only fields of interfaces within interfaces are visited again."""


@dataclass(frozen=True, slots=True)
class _Field:
    parent: GraphQLNamedType
    node: FieldNode
    type: GraphQLOutputType


class Merging:
    """The check of one document that is valid but for this rule."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._visits = 0

    def check(self, operation: OperationDefinitionNode) -> None:
        """Raises GraphQLError for the first conflict."""
        root = self._schema.get_root_type(operation.operation)
        assert root is not None
        fields = self._collected([(root, operation.selection_set)])
        self._check_shapes(fields, ())
        self._check_same(fields, ())

    def _check_shapes(self, fields: Iterable[_Field], path: tuple[str, ...]) -> None:
        """Whatever objects are there: what answers under one key has one shape."""
        for key, alike in _by_key(fields).items():
            first, *others = alike
            for other in others:
                if _differ_in_shape(first.type, other.type):
                    reason = f"they return conflicting types '{first.type}' and '{other.type}'"
                    raise _conflict((*path, key), reason, first, other)
            self._check_shapes(self._inside(alike), (*path, key))

    def _check_same(self, fields: Iterable[_Field], path: tuple[str, ...]) -> None:
        """On any one object: what answers under one key is one field with the same arguments."""
        for key, alike in _by_key(fields).items():
            for together in _on_one_object(alike):
                first, *others = together
                arguments = _arguments(first.node)
                for other in others:
                    name, other_name = first.node.name.value, other.node.name.value
                    if name != other_name:
                        reason = f"'{name}' and '{other_name}' are different fields"
                        raise _conflict((*path, key), reason, first, other)
                    if arguments != _arguments(other.node):
                        reason = "they have differing arguments"
                        raise _conflict((*path, key), reason, first, other)
                self._check_same(self._inside(together), (*path, key))

    def _inside(self, fields: Sequence[_Field]) -> list[_Field]:
        return self._collected(
            (get_named_type(each.type), each.node.selection_set)
            for each in fields
            if each.node.selection_set is not None
        )

    def _collected(
        self, selection_sets: Iterable[tuple[GraphQLNamedType, SelectionSetNode]]
    ) -> list[_Field]:
        """The fields of these, through fragments. A fragment says itself what it is on, so that it
        need not be visited twice.
        """
        found: list[_Field] = []
        visited: set[str] = set()
        for parent, selection_set in selection_sets:
            self._collect(parent, selection_set, found, visited)
        return found

    def _collect(
        self,
        parent: GraphQLNamedType,
        selection_set: SelectionSetNode,
        found: list[_Field],
        visited: set[str],
    ) -> None:
        for node in selection_set.selections:
            self._count()
            if isinstance(node, FieldNode):
                declared: Any = self._schema.get_field(parent, node.name.value)  # type: ignore[arg-type] # composite
                found.append(_Field(parent, node, declared.type))
                continue
            inside: FragmentDefinitionNode | InlineFragmentNode
            if isinstance(node, InlineFragmentNode):
                inside = node
            else:
                assert isinstance(node, FragmentSpreadNode)
                if node.name.value in visited:
                    continue
                visited.add(node.name.value)
                inside = self._fragments[node.name.value]
            condition = inside.type_condition
            named = self._schema.type_map[condition.name.value] if condition else parent
            self._collect(named, inside.selection_set, found, visited)

    def _count(self) -> None:
        self._visits += 1
        if self._visits > MAX_VISITS:
            raise GraphQLError("This document has too many fields that could be merged.")


def _by_key(fields: Iterable[_Field]) -> dict[str, list[_Field]]:
    found: dict[str, list[_Field]] = {}
    for each in fields:
        node = each.node
        found.setdefault(node.alias.value if node.alias else node.name.value, []).append(each)
    return found


def _on_one_object(fields: Sequence[_Field]) -> Iterable[Sequence[_Field]]:
    """Fields that one object may have together: those of its type, and those of any interface."""
    objects: dict[str, list[_Field]] = {}
    abstract: list[_Field] = []
    for each in fields:
        of_object = is_object_type(each.parent)
        (objects.setdefault(each.parent.name, []) if of_object else abstract).append(each)
    if not objects:
        return (abstract,)
    return ([*own, *abstract] for own in objects.values())


def _differ_in_shape(one: GraphQLOutputType, other: GraphQLOutputType) -> bool:
    while one is not other:
        for wrapper in (GraphQLList, GraphQLNonNull):
            if isinstance(one, wrapper) or isinstance(other, wrapper):
                if not (isinstance(one, wrapper) and isinstance(other, wrapper)):
                    return True
                one, other = one.of_type, other.of_type
                break
        else:
            return is_leaf_type(one) or is_leaf_type(other)
    return False


def _arguments(node: FieldNode) -> dict[str, Any]:
    return {each.name.value: _comparable(each.value) for each in node.arguments or ()}


def _comparable(value: ValueNode) -> Any:
    """Equal for values that are written alike, whatever the order of the fields of an object."""
    if isinstance(value, VariableNode):
        return (value.kind, value.name.value)
    if isinstance(value, ObjectValueNode):
        inside = {each.name.value: _comparable(each.value) for each in value.fields}
        return (value.kind, inside)
    if isinstance(value, ListValueNode):
        return (value.kind, [_comparable(each) for each in value.values])
    if isinstance(value, StringValueNode):
        return (value.kind, value.value, bool(value.block))
    return (value.kind, getattr(value, "value", None))


def _conflict(path: tuple[str, ...], reason: str, *fields: _Field) -> GraphQLError:
    for key in reversed(path[1:]):
        reason = f"subfields '{key}' conflict because {reason}"
    message = (
        f"Fields '{path[0]}' conflict because {reason}."
        " Use different aliases on the fields to fetch both if this was intentional."
    )
    return GraphQLError(message, [each.node for each in fields])
