"""Which fields are selected: fragments expanded, directives decided, equal response keys merged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

from app.domain.errors import Invalid
from app.planner.catalogue import Catalogue

# Response keys become column names of a subselect, and PostgreSQL cuts those off silently.
MAX_RESPONSE_KEY = 63
# A subselect has at most 1664 columns, some of them the planner's own.
MAX_RESPONSE_KEYS = 1000


@dataclass(frozen=True, slots=True)
class Selected:
    """A response key and every field node that it merges. They differ in sub-selections only.

    `path` leads to it from the operation or the payload by response keys: what refusals name.
    """

    path: tuple[str, ...]
    nodes: tuple[FieldNode, ...]

    @property
    def key(self) -> str:
        """The response key."""
        return self.path[-1]

    @property
    def name(self) -> str:
        """The name of the field."""
        return self.nodes[0].name.value


@dataclass(frozen=True, slots=True)
class Selections:
    """Collects the fields of one operation, for one set of variable values."""

    catalogue: Catalogue
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def at_root(
        self, runtime_type: str, selection_sets: Iterable[SelectionSetNode]
    ) -> list[Selected]:
        """The fields of an operation or of a payload, in the order of the response."""
        return self._of(runtime_type, selection_sets, ())

    def of(self, runtime_type: str, parent: Selected) -> list[Selected]:
        """The fields selected on the object that `parent` is, when it is of `runtime_type`."""
        inside = (node.selection_set for node in parent.nodes if node.selection_set)
        return self._of(runtime_type, inside, parent.path)

    def _of(
        self, runtime_type: str, selection_sets: Iterable[SelectionSetNode], path: tuple[str, ...]
    ) -> list[Selected]:
        found: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for selection_set in selection_sets:
            self._collect(runtime_type, selection_set.selections, found, visited, path)
        if len(found) > MAX_RESPONSE_KEYS:
            last = list(found)[-1]
            raise Invalid(f"An object has at most {MAX_RESPONSE_KEYS} fields.", *path, last)
        return [Selected((*path, key), tuple(nodes)) for key, nodes in found.items()]

    def _collect(
        self,
        runtime_type: str,
        selections: Iterable[SelectionNode],
        found: dict[str, list[FieldNode]],
        visited: set[str],
        path: tuple[str, ...],
    ) -> None:
        for node in selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                if len(key) > MAX_RESPONSE_KEY:
                    raise Invalid(
                        f"An alias has at most {MAX_RESPONSE_KEY} characters.", *path, key
                    )
                found.setdefault(key, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self.catalogue.fits(runtime_type, condition.name.value):
                    selections_inside = node.selection_set.selections
                    self._collect(runtime_type, selections_inside, found, visited, path)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self.catalogue.fits(runtime_type, fragment.type_condition.name.value):
                    selections_inside = fragment.selection_set.selections
                    self._collect(runtime_type, selections_inside, found, visited, path)

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            if directive.name.value not in {"skip", "include"} or not directive.arguments:
                continue
            value = directive.arguments[0].value
            condition = (
                self.variables[value.name.value]
                if isinstance(value, VariableNode)
                else cast("BooleanValueNode", value).value
            )
            if condition is None:
                raise Invalid(f"@{directive.name.value} takes true or false, not null.")
            if condition is (directive.name.value == "skip"):
                return False
        return True
