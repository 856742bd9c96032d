"""Where each bound value comes from, and the shape of variables that a plan depends on.

A plan is compiled for the *shape* of its variables (which inputs are given, how lists of conditions
nest, which enums order by what) and binds their values. Every value is bound, literals too, so that
documents which differ in literals only share one prepared statement.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    GraphQLField,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
)
from graphql.execution.values import VariableValues, get_argument_values
from sqlalchemy import BindParameter, bindparam
from sqlalchemy.types import TypeEngine

from app.domain import text
from app.domain.errors import Invalid
from app.planner.selection import Selected

MAX_BOUND_VALUES = 1000

Path = tuple[str | int, ...]
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value fixed by the document."""

    value: Any

    def read(self, _variables: Mapping[str, Any]) -> Any:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Variable:
    """A value inside a variable."""

    name: str
    path: Path

    def read(self, variables: Mapping[str, Any]) -> Any:
        """The value of this request."""
        value = variables.get(self.name)
        for step in self.path:
            value = value[step]  # type: ignore[index] # the shape says that it is there
        return value


@dataclass(frozen=True, slots=True)
class Binding:
    """A parameter of the statement: whence its value, and how it becomes what the driver takes."""

    name: str
    origin: Constant | Variable
    convert: Convert


@dataclass(frozen=True, slots=True)
class Span:
    """Two values of which the first must not be the greater; `path` leads to the first."""

    first: Constant | Variable
    last: Constant | Variable
    path: tuple[str, ...]

    def check(self, variables: Mapping[str, Any]) -> None:
        """Refuses a span that ends before it begins."""
        if self.first.read(variables) > self.last.read(variables):
            raise Invalid("This must not be after the other end of the span.", *self.path)


def shape(value: Any) -> Any:
    """What of a coerced variable the statement's text depends on.

    A list of one is read by an index in its order, where a longer one has to be sorted.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return tuple((name, shape(inner)) for name, inner in sorted(value.items()))
    if isinstance(value, list):
        if any(isinstance(inner, dict) for inner in value):
            return tuple(shape(inner) for inner in value)
        return "one" if len(value) == 1 else "list"
    if isinstance(value, Enum):
        return value.name
    return "value"


class Arguments:
    """The coerced arguments of one selected field, and where each part of them came from."""

    def __init__(self, field: GraphQLField, selected: Selected, variables: VariableValues) -> None:
        node = selected.nodes[0]
        self.values: dict[str, Any] = get_argument_values(field, node, variables)
        self._nodes = {argument.name.value: argument.value for argument in node.arguments or ()}
        self.path = selected.path

    def get(self, name: str) -> Any:
        """The argument's value for this compilation; None when it is absent or null."""
        return self.values.get(name)

    def origin(self, name: str, *path: str | int) -> Constant | Variable:
        """Where the value at `path` inside an argument comes from."""
        node: ValueNode | None = self._nodes.get(name)
        value: Any = self.values.get(name)
        for depth, step in enumerate(path):
            if isinstance(node, VariableNode):
                return Variable(node.name.value, path[depth:])
            node = _inside(node, step)
            value = value[step]
        if isinstance(node, VariableNode):
            return Variable(node.name.value, ())
        if isinstance(node, ListValueNode) and any(
            isinstance(item, VariableNode) for item in node.values
        ):
            return _ListOfOrigins(tuple(self.origin(name, *path, i) for i in range(len(value))))
        return Constant(value)


class _ListOfOrigins(Constant):
    """A list literal with variables inside, for lists that are bound as one array."""

    def read(self, variables: Mapping[str, Any]) -> Any:
        return [origin.read(variables) for origin in self.value]


def _inside(node: ValueNode | None, step: str | int) -> ValueNode | None:
    if isinstance(step, int):
        # A single value where a list may stand: coercion made it a list of one.
        return node.values[step] if isinstance(node, ListValueNode) else node
    if isinstance(node, ObjectValueNode):
        return next((each.value for each in node.fields if each.name.value == step), None)
    return node


class Binder:
    """Hands out the statement's parameters."""

    def __init__(self) -> None:
        self.bindings: dict[str, Binding] = {}

    def bind(
        self, type_: TypeEngine[Any], origin: Constant | Variable, convert: Convert
    ) -> BindParameter[Any]:
        """A new parameter whose value is read from `origin` and converted, per request."""
        if len(self.bindings) >= MAX_BOUND_VALUES:
            raise Invalid(f"An operation has at most {MAX_BOUND_VALUES} values.")
        name = f"b{len(self.bindings)}"
        self.bindings[name] = Binding(name, origin, convert)
        return bindparam(name, type_=type_)


def as_given(value: Any) -> Any:
    """No conversion."""
    return value


def checked_text(*path: str) -> Convert:
    """Text that PostgreSQL can hold: it has no NUL."""

    def convert(value: str) -> str:
        if "\x00" in value:
            raise Invalid("Text has no NUL characters.", *path)
        return value

    return convert


def name_text(*path: str) -> Convert:
    """Text that names something, in the form that names are kept in."""
    checked = checked_text(*path)
    return lambda value: text.composed(checked(value))


def each(convert: Convert) -> Convert:
    """A list of converted values."""

    def convert_all(values: Sequence[Any]) -> Any:
        return [convert(value) for value in values]

    return convert_all
