"""Input values drawn from a schema's input types, and the many ways a document can spell them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_required_argument,
    is_required_input_field,
)
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

MAX_NESTING = 3
Place = tuple[str, ...]


class Vocabulary(Protocol):
    """What the generator cannot know from the schema: values that mean something."""

    def scalar(self, draw: DrawFn, type_name: str, place: Place) -> Any:
        """A JSON value for a scalar input; `place` ends in the input type and field it is for."""
        ...

    def allows(self, place: Place) -> bool:
        """Whether to use an optional input mostly; the others would only be refused."""
        ...

    def weight(self, place: Place) -> int:
        """How many times as often as others an optional input is used."""
        ...

    def insists(self, place: Place) -> bool:
        """Whether an answer without this optional argument cannot be foretold."""
        ...

    def cursor(self, draw: DrawFn, coordinate: str, given: Mapping[str, Any]) -> str:
        """A position in the list that a field answers with when asked with these arguments."""
        ...


def chance(draw: DrawFn, percent: int) -> bool:
    """True so many times in a hundred; shrinks to False."""
    return draw(st.integers(0, 99)) >= 100 - percent


@dataclass
class Inputs:
    """Draws values as JSON, and writes them as literals and variables of one operation."""

    draw: DrawFn
    vocabulary: Vocabulary
    eagerness: int
    """In a hundred optional arguments, so many are given."""
    definitions: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    """Other values for the same variables, defaults among them: for the same document again."""

    def arguments(self, coordinate: str, graphql_field: GraphQLField) -> dict[str, Any]:
        """Values for some of a field's arguments: cursors last, since they depend on the rest."""
        given: dict[str, Any] = {}
        cursors = [name for name in graphql_field.args if name in {"after", "before"}]
        others = [name for name in graphql_field.args if name not in cursors]
        for name in others:
            argument = graphql_field.args[name]
            place = (coordinate, name)
            if is_required_argument(argument) or self.vocabulary.insists(place):
                given[name] = self._present(nullable(argument.type), place, 0)
            elif self._wants(coordinate, name, given):
                given[name] = self.value(argument.type, place)
        for name in cursors:
            opposite = given.get("last" if name == "after" else "first")
            if opposite is None and chance(self.draw, self.eagerness // 2):
                given[name] = self.vocabulary.cursor(self.draw, coordinate, given)
        return given

    def accepts(self, place: Place) -> bool:
        """What is refused is worth asking now and then."""
        return self.vocabulary.allows(place) or chance(self.draw, 4)

    def _wants(self, coordinate: str, name: str, given: Mapping[str, Any]) -> bool:
        if name == "last" and given.get("first") is not None:
            return chance(self.draw, 2)
        return chance(self.draw, self.eagerness) and self.accepts((coordinate, name))

    def value(self, graphql_type: GraphQLInputType, place: Place, nesting: int = 0) -> Any:
        """A JSON value of the type."""
        if isinstance(graphql_type, GraphQLNonNull):
            return self._present(graphql_type.of_type, place, nesting)
        return None if chance(self.draw, 3) else self._present(graphql_type, place, nesting)

    def _present(self, graphql_type: Any, place: Place, nesting: int) -> Any:
        if isinstance(graphql_type, GraphQLList):
            count = self.draw(st.sampled_from((1, 1, 2, 2, 3, 0)))
            return [self.value(graphql_type.of_type, place, nesting) for _ in range(count)]
        if isinstance(graphql_type, GraphQLEnumType):
            accepted = [
                name
                for name in graphql_type.values
                if self.accepts((*place, f"{graphql_type.name}.{name}"))
            ]
            return self.draw(st.sampled_from(accepted or list(graphql_type.values)))
        if isinstance(graphql_type, GraphQLInputObjectType):
            return self._object(graphql_type, place, nesting)
        return self.vocabulary.scalar(self.draw, graphql_type.name, place)

    def _object(
        self, graphql_type: GraphQLInputObjectType, place: Place, nesting: int
    ) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        optional: list[str] = []
        for name, each in graphql_type.fields.items():
            inside = (*place, graphql_type.name, name)
            if isinstance(each.type, GraphQLNonNull):
                if is_required_input_field(each) or chance(self.draw, 60):
                    wanted[name] = self.value(each.type, inside, nesting + 1)
            elif nesting < MAX_NESTING or not is_recursive(graphql_type, name):
                optional += [name] * self.vocabulary.weight(inside)
        if optional:
            fewest = int(not wanted and self.eagerness > 70)
            several = st.lists(st.sampled_from(optional), min_size=fewest, max_size=3, unique=True)
            names = self.draw(several)
            for name in names:
                inside = (*place, graphql_type.name, name)
                if self.accepts(inside):
                    wanted[name] = self.value(graphql_type.fields[name].type, inside, nesting + 1)
        return wanted

    def written(
        self, coordinate: str, arguments: Mapping[str, GraphQLArgument], given: Mapping[str, Any]
    ) -> str:
        """The arguments as a document spells them, in parentheses unless there are none."""
        if not given:
            return ""
        parts = (
            f"{name}: {self.spelt(arguments[name].type, given[name], (coordinate, name))}"
            for name in given
        )
        return f"({', '.join(parts)})"

    def spelt(
        self, graphql_type: Any, value: Any, place: Place, *, may_be_variable: bool = True
    ) -> str:
        """A value as a variable, or as a literal with variables anywhere inside."""
        if may_be_variable and chance(self.draw, 30):
            return self._variable(graphql_type, value, place)
        named = nullable(graphql_type)
        if value is None:
            return "null"
        if isinstance(named, GraphQLList):
            if len(value) == 1 and value[0] is not None and chance(self.draw, 25):
                return self.spelt(named.of_type, value[0], place, may_be_variable=False)
            return f"[{', '.join(self.spelt(named.of_type, each, place) for each in value)}]"
        if isinstance(named, GraphQLInputObjectType):
            parts = (
                f"{name}: {self.spelt(named.fields[name].type, each, (*place, named.name, name))}"
                for name, each in value.items()
            )
            return f"{{{', '.join(parts)}}}"
        return literal(named, value)

    def _variable(self, graphql_type: Any, value: Any, place: Place) -> str:
        name = f"v{len(self.definitions)}"
        if place[-1] not in {"after", "before"}:
            if self.vocabulary.insists(place):
                graphql_type = GraphQLNonNull(nullable(graphql_type))
            self.others[name] = self.value(graphql_type, place, MAX_NESTING - 1)
        if chance(self.draw, 25):
            default = literal(graphql_type, value)
            self.definitions.append(f"${name}: {graphql_type} = {default}")
        else:
            self.definitions.append(f"${name}: {graphql_type}")
            self.variables[name] = self._shortened(graphql_type, value)
        return f"${name}"

    def _shortened(self, graphql_type: Any, value: Any) -> Any:
        """JSON may give the one item of a list without the list."""
        named = nullable(graphql_type)
        is_single = isinstance(named, GraphQLList) and value is not None and len(value) == 1
        if is_single and value[0] is not None and chance(self.draw, 25):
            return value[0]
        return value


def nullable(graphql_type: Any) -> Any:
    """The type without its exclamation mark."""
    return graphql_type.of_type if isinstance(graphql_type, GraphQLNonNull) else graphql_type


def is_recursive(graphql_type: GraphQLInputObjectType, name: str) -> bool:
    """Whether a field of an input type holds the type itself."""
    named: Any = graphql_type.fields[name].type
    while hasattr(named, "of_type"):
        named = named.of_type
    return named is graphql_type


def literal(graphql_type: Any, value: Any) -> str:
    """A JSON value as a constant of a document."""
    graphql_type = nullable(graphql_type)
    if value is None:
        return "null"
    if isinstance(graphql_type, GraphQLList):
        return f"[{', '.join(literal(graphql_type.of_type, each) for each in value)}]"
    if isinstance(graphql_type, GraphQLInputObjectType):
        parts = (
            f"{name}: {literal(graphql_type.fields[name].type, each)}"
            for name, each in value.items()
        )
        return f"{{{', '.join(parts)}}}"
    if isinstance(graphql_type, GraphQLEnumType):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
