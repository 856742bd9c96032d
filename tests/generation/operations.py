"""Whole operations drawn from a schema: nested, aliased, fragmented, with directives and variables.

Every operation is valid. What it selects is drawn first as a tree; then the tree is written down in
one of the many ways that mean the same: split over fragments, with fields repeated and merged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.generation.inputs import Inputs, Vocabulary, chance

DEPTH = 6
# The planner's own aliases begin with these letters: a client may use the same names.
ALIAS_LETTERS = "onptrelwkxab"


@dataclass(frozen=True)
class Operation:
    """A document and the variables to send with it; `others` go with the same document again."""

    text: str
    variables: Mapping[str, Any]
    others: Mapping[str, Any]


@dataclass(frozen=True)
class Chosen:
    """A field as it will be written. `only_on` is the type of an interface's fields."""

    head: str
    is_shared: bool
    inside: tuple["Chosen", ...] | None = None
    type_name: str = ""
    only_on: str | None = None


def operations(
    schema: GraphQLSchema,
    vocabulary: Vocabulary,
    roots: Sequence[str],
    *,
    depth: int = DEPTH,
    eagerness: int = 55,
) -> SearchStrategy[Operation]:
    """Operations over some of the root fields. Eager ones give most arguments that they can."""

    @st.composite
    def drawn(draw: DrawFn) -> Operation:
        return _Writer(draw, schema, vocabulary, roots, depth, eagerness).operation()

    return drawn()


class _Writer:
    def __init__(
        self,
        draw: DrawFn,
        schema: GraphQLSchema,
        vocabulary: Vocabulary,
        roots: Sequence[str],
        depth: int,
        eagerness: int,
    ) -> None:
        self.draw = draw
        self.schema = schema
        self.roots = roots
        self.depth = depth
        self.inputs = Inputs(draw, vocabulary, eagerness)
        self.vocabulary = vocabulary
        self.fragments: list[str] = []
        self.aliases = 0

    def operation(self) -> Operation:
        query = self.schema.query_type
        assert query is not None
        allowed = [name for name in self.roots if self.vocabulary.allows((f"Query.{name}",))]
        roots = self.roots if chance(self.draw, 4) else allowed or self.roots
        names = self.draw(st.lists(st.sampled_from(roots), min_size=1, max_size=2))
        chosen = self._fields(query, names, self.depth)
        body = self._written(chosen, "Query")
        definitions = ", ".join(self.inputs.definitions)
        head = f"query Q({definitions}) " if definitions else ""
        text = "\n".join((head + body, *self.fragments))
        return Operation(
            text, dict(self.inputs.variables), self.inputs.variables | self.inputs.others
        )

    def _selection(self, named: Any, depth: int) -> tuple[Chosen, ...]:
        if isinstance(named, GraphQLInterfaceType):
            return self._on_interface(named, depth)
        assert isinstance(named, GraphQLObjectType)
        usable = [
            name
            for name, each in named.fields.items()
            if depth > 1 or is_leaf_type(get_named_type(each.type))
        ]
        if not usable:
            return (Chosen("__typename", is_shared=True),)
        names = self.draw(st.lists(st.sampled_from(usable), min_size=1, max_size=4))
        return self._fields(named, names, depth)

    def _on_interface(self, named: GraphQLInterfaceType, depth: int) -> tuple[Chosen, ...]:
        chosen = [Chosen(name, is_shared=True) for name in ("id", "__typename")]
        kept = [each for each in chosen if chance(self.draw, 50)] or chosen[:1]
        possible = self.schema.get_possible_types(named)
        for each in self.draw(st.lists(st.sampled_from(possible), max_size=3, unique=True)):
            assert isinstance(each, GraphQLObjectType)
            leads = [name for name in each.fields if name != "id"]
            names = self.draw(st.lists(st.sampled_from(leads), min_size=1, max_size=3))
            if depth < 2:
                names = [n for n in names if is_leaf_type(get_named_type(each.fields[n].type))]
            kept += self._fields(each, names, depth, only_on=each.name)
        return tuple(kept)

    def _fields(
        self,
        parent: GraphQLObjectType,
        names: Iterable[str],
        depth: int,
        only_on: str | None = None,
    ) -> tuple[Chosen, ...]:
        """Each name once under its own key, again under an alias; all under one on an interface."""
        chosen: list[Chosen] = []
        used: set[str] = set()
        for name in names:
            must_differ = only_on is not None or name in used
            used.add(name)
            is_aliased = must_differ or chance(self.draw, 20)
            prefix = f"{self._alias()}: " if is_aliased else ""
            chosen.append(self._field(parent, name, prefix, depth, only_on))
        if only_on is None and chance(self.draw, 15):
            chosen.append(Chosen("__typename", is_shared=True))
        return tuple(chosen)

    def _field(
        self,
        parent: GraphQLObjectType,
        name: str,
        prefix: str,
        depth: int,
        only_on: str | None,
    ) -> Chosen:
        graphql_field: GraphQLField = parent.fields[name]
        given = self.inputs.arguments(f"{parent.name}.{name}", graphql_field)
        head = (
            prefix + name + self.inputs.written(f"{parent.name}.{name}", graphql_field.args, given)
        )
        named = get_named_type(graphql_field.type)
        inside = None if is_leaf_type(named) else self._selection(named, depth - 1)
        is_shared = name == "id" and not prefix and only_on is None
        return Chosen(head, is_shared, inside, named.name, only_on)

    def _alias(self) -> str:
        self.aliases += 1
        return self.draw(st.sampled_from(ALIAS_LETTERS)) + str(self.aliases)

    # Writing a tree down

    def _written(self, chosen: Sequence[Chosen], type_name: str) -> str:
        parts = [part for each in chosen for part in self._occurrences(each)]
        return "{ " + " ".join(self._wrapped(parts, type_name)) + " }"

    def _occurrences(self, chosen: Chosen) -> list[tuple[Chosen, str]]:
        """The field once, or twice with its selections divided between the two."""
        if chosen.inside is None:
            return [(chosen, chosen.head + self._directive())]
        halves: list[Sequence[Chosen]] = [chosen.inside]
        if len(chosen.inside) > 1 and chance(self.draw, 15):
            cut = self.draw(st.integers(1, len(chosen.inside) - 1))
            halves = [chosen.inside[:cut], chosen.inside[cut - 1 :]]
        return [
            (
                chosen,
                f"{chosen.head}{self._directive()} {self._written(half, chosen.type_name)}",
            )
            for half in halves
        ]

    def _wrapped(self, parts: list[tuple[Chosen, str]], type_name: str) -> list[str]:
        written = []
        for chosen, text in parts:
            condition = chosen.only_on or type_name
            if chosen.is_shared and self._is_node(type_name) and chance(self.draw, 20):
                condition = "Node"
            how = self.draw(st.integers(0, 9))
            if how == 9:
                written.append(self._fragment(condition, text))
            elif how == 8 or chosen.only_on:
                written.append(f"... on {condition}{self._directive()} {{ {text} }}")
            elif how == 7:
                written.append(f"...{self._directive()} {{ {text} }}")
            else:
                written.append(text)
        return written

    def _is_node(self, type_name: str) -> bool:
        named = self.schema.type_map[type_name]
        return isinstance(named, GraphQLObjectType) and any(
            each.name == "Node" for each in named.interfaces
        )

    def _fragment(self, condition: str, text: str) -> str:
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {condition} {{ {text} }}")
        spread = f"...{name}{self._directive()}"
        return f"{spread} ...{name}" if chance(self.draw, 10) else spread

    def _directive(self) -> str:
        if not chance(self.draw, 8):
            return ""
        name = self.draw(st.sampled_from(("skip", "include")))
        holds = (name == "include") is not chance(self.draw, 35)
        condition = str(holds).lower()
        if chance(self.draw, 60):
            variable = f"v{len(self.inputs.definitions)}"
            if chance(self.draw, 30):
                self.inputs.definitions.append(f"${variable}: Boolean = {condition}")
            else:
                self.inputs.definitions.append(f"${variable}: Boolean!")
                self.inputs.variables[variable] = holds
            self.inputs.others[variable] = self.draw(st.booleans())
            condition = f"${variable}"
        return f" @{name}(if: {condition})"
