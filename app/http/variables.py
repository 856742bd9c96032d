"""The values of an operation's variables, coerced as GraphQL says."""

from typing import Any
from weakref import WeakKeyDictionary

from graphql import GraphQLError, GraphQLNonNull, GraphQLSchema, GraphQLString
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.type import GraphQLID

from app.http import statuses
from app.http.refusals import Refused, told_of_graphql
from app.planner.documents import Operation

MAX_ERRORS = 20

Signatures = tuple[GraphQLVariableSignature, ...]

_NO_VARIABLES = VariableValues({}, {})
_TEXTS = (GraphQLString, GraphQLID)


class Variables:
    """Coerces for one schema. What an operation declares is worked out once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        # Known for as long as its document is kept: a signature leads to all that was parsed.
        self._texts: WeakKeyDictionary[Operation, Signatures] = WeakKeyDictionary()

    def coerced(self, operation: Operation, given: dict[str, Any]) -> VariableValues:
        """Raises Refused with every variable that is wrong, up to a bound."""
        definitions = operation.node.variable_definitions
        if not definitions:
            return _NO_VARIABLES
        if (values := self._coerced_texts(operation, given)) is not None:
            return values
        coerced = get_variable_values(
            self._schema, definitions, given, max_errors=MAX_ERRORS, hide_suggestions=True
        )
        if isinstance(coerced, list):
            raise Refused(statuses.INVALID, [told_of_graphql(each) for each in coerced])
        return coerced

    def _coerced_texts(self, operation: Operation, given: dict[str, Any]) -> VariableValues | None:
        """The values when all are texts, declared as String or ID and given: they stay as they are.

        Most operations that are sent often look so (`$id: ID!`), and graphql-core takes as long to
        coerce one text as the rest of a small request takes.
        """
        signatures = self._texts.get(operation)
        if signatures is None:
            signatures = self._declared_texts(operation)
            self._texts[operation] = signatures
        if not signatures:
            return None
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature in signatures:
            value = given.get(signature.name)
            if type(value) is not str:
                return None
            sources[signature.name] = VariableValueSource(signature, value)
            coerced[signature.name] = value
        return VariableValues(sources, coerced)

    def _declared_texts(self, operation: Operation) -> Signatures:
        """What the operation declares, if that is nothing but texts; else nothing."""
        found: list[GraphQLVariableSignature] = []
        for definition in operation.node.variable_definitions or ():
            signature = get_variable_signature(self._schema, definition)
            if isinstance(signature, GraphQLError):
                return ()
            declared = signature.type
            bare = declared.of_type if isinstance(declared, GraphQLNonNull) else declared
            if bare not in _TEXTS:
                return ()
            found.append(signature)
        return tuple(found)
