"""Which root fields an operation can reach, whatever its variables say, and how many.

This comes before validation: what a document spreads need not exist.
"""

from collections.abc import Iterator, Mapping

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)


def root_fields(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    """The fields at the top of an operation, through fragments. Linear in the text."""
    visited: set[str] = set()
    pending = [selection_set]
    while pending:
        for node in pending.pop().selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                pending.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                if node.name.value in fragments:
                    pending.append(fragments[node.name.value].selection_set)


def root_field_names(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> frozenset[str]:
    """Which fields they are."""
    return frozenset(node.name.value for node in root_fields(selection_set, fragments))


def count_root_fields(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> int:
    """How many answers they have: each is carried out once."""
    found = root_fields(selection_set, fragments)
    return len({node.alias.value if node.alias else node.name.value for node in found})
