"""How much a document comes to with its fragments written out: bounded before anything walks it.

Fragments that spread the next one twice make a short text stand for more than any machine can walk.
Here each definition is walked once and the sums are put together from those of the fragments. After
that, whoever walks an operation through its fragments walks a bounded number of nodes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
)

MAX_WRITTEN_OUT = 20_000
"""Selections, arguments, directives and values of all operations together. A document without
fragments has no more than tokens; this leaves room for fragments that are used again and again."""

MAX_DEPTH = 200
"""Of selections within selections, through fragments."""


@dataclass(slots=True)
class _Extent:
    """Of one definition: its own nodes and depth, and which fragments it spreads how deep."""

    nodes: int = 0
    depth: int = 0
    spreads: list[tuple[str, int]] = field(default_factory=list)


def check_extent(document: DocumentNode, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
    """Raises GraphQLError where fragments go round in a circle, or come to too much."""
    own = {name: _own(fragment.selection_set) for name, fragment in fragments.items()}
    written_out: dict[str, _Extent] = {}
    for name in _in_order(own):
        written_out[name] = _written_out(own[name], written_out)
    operations = [
        _written_out(_own(each.selection_set), written_out)
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode)
    ]
    if sum(each.nodes for each in operations) > MAX_WRITTEN_OUT:
        raise GraphQLError(
            f"A document has at most {MAX_WRITTEN_OUT} selections and values, written out without"
            " fragments."
        )
    if any(each.depth > MAX_DEPTH for each in (*operations, *written_out.values())):
        raise GraphQLError(f"Selections nest at most {MAX_DEPTH} deep, through fragments.")


def _in_order(own: Mapping[str, _Extent]) -> Iterable[str]:
    """The fragments, each after those that it spreads. Unknown ones are left to validation."""
    spread = {name: {to for to, _ in each.spreads if to in own} for name, each in own.items()}
    try:
        return tuple(TopologicalSorter(spread).static_order())
    except CycleError as error:
        name = error.args[1][0]
        raise GraphQLError(f"Cannot spread fragment '{name}' within itself.") from None


def _written_out(own: _Extent, written_out: Mapping[str, _Extent]) -> _Extent:
    total = _Extent(own.nodes, own.depth)
    for name, depth in own.spreads:
        inside = written_out.get(name)
        if inside is not None:
            total.nodes += inside.nodes
            total.depth = max(total.depth, depth + inside.depth)
    return total


def _own(selection_set: SelectionSetNode) -> _Extent:
    """A fragment that is spread twice on one object counts once: so often is it gone through."""
    found = _Extent()
    pending: list[tuple[SelectionSetNode, int, set[str]]] = [(selection_set, 1, set())]
    while pending:
        selections, depth, spread = pending.pop()
        found.depth = max(found.depth, depth)
        for node in selections.selections:
            found.nodes += 1 + sum(1 for _ in _given(node))
            if isinstance(node, FragmentSpreadNode):
                if node.name.value not in spread:
                    spread.add(node.name.value)
                    found.spreads.append((node.name.value, depth))
            elif isinstance(node, InlineFragmentNode):
                pending.append((node.selection_set, depth + 1, spread))
            elif isinstance(node, FieldNode) and node.selection_set is not None:
                pending.append((node.selection_set, depth + 1, set()))
    return found


def _given(node: SelectionNode) -> Iterator[DirectiveNode | ValueNode]:
    """The directives of a selection, and every value of its arguments and theirs."""
    directives = node.directives or ()
    yield from directives
    for place in (node, *directives):
        for argument in getattr(place, "arguments", None) or ():
            yield from _values(argument.value)


def _values(value: ValueNode) -> Iterator[ValueNode]:
    pending = [value]
    while pending:
        value = pending.pop()
        yield value
        if isinstance(value, ListValueNode):
            pending.extend(value.values)
        elif isinstance(value, ObjectValueNode):
            pending.extend(each.value for each in value.fields)
