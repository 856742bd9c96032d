"""From the parameters of a request to the body of its answer."""

from collections.abc import Mapping

import orjson
from graphql import GraphQLError, GraphQLSchema
from graphql.execution.values import VariableValues

from app.http import statuses
from app.http.authenticate import Caller
from app.http.exchange import Exchange
from app.http.executor import execute, extensions_of
from app.http.introspection import Introspection
from app.http.parameters import Parameters
from app.http.refusals import refusal, unauthenticated
from app.http.variables import Variables
from app.infra.turns import Turns
from app.planner.documents import (
    Document,
    Documents,
    InvalidDocument,
    Operation,
    operation_of,
)
from app.resolvers.context import Context, Program
from app.resolvers.edge import record_refusals
from app.resolvers.reading import Reader

PUBLIC_MUTATIONS = frozenset({"login", "refreshToken", "logout"})
PUBLIC_FIELDS = PUBLIC_MUTATIONS | {"__typename"}
"""The only mutations for those who are not signed in."""

MAX_PUBLIC_TEXT = 2000
"""How long a document may be of those who are not signed in."""

FEW_VALUES = 500
"""Of variables: so many are coerced at once on the event loop."""

_POST_ONLY = ((b"allow", b"POST"),)


class Operations:
    """Answers operations of one schema."""

    def __init__(
        self, schema: GraphQLSchema, documents: Documents, program: Program, turns: Turns
    ) -> None:
        self._schema = schema
        self._documents = documents
        self._program = program
        self._turns = turns
        self._variables = Variables(schema)
        self._introspection = Introspection(schema, turns)

    async def find(self, parameters: Parameters, caller: Caller) -> tuple[Document, Operation]:
        """The operation asked for. Raises Refused, InvalidDocument or GraphQLError.

        Whoever is not signed in learns nothing here but that they have to: not whether the document
        parses, not which of its names exist.
        """
        if caller.actor is None:
            return self._public(parameters)
        document = await self._documents.get_aside(parameters.query, caller.actor.user_id)
        return document, document.operation(parameters.operation_name)

    def _public(self, parameters: Parameters) -> tuple[Document, Operation]:
        """The same for whoever is not signed in: of what they may not run nothing more is looked at
        than which fields it begins with.
        """
        if not _may_be_public(parameters.query):
            raise unauthenticated()

        def admits(operations: Mapping[str | None, Operation]) -> None:
            if not is_public(operation_of(operations, parameters.operation_name)):
                raise unauthenticated()

        try:
            document = self._documents.get(parameters.query, admits)
        except (InvalidDocument, GraphQLError):
            raise unauthenticated() from None
        return document, document.operation(parameters.operation_name)

    async def answer(
        self,
        document: Document,
        operation: Operation,
        parameters: Parameters,
        caller: Caller,
        exchange: Exchange,
        address: str | None,
    ) -> bytes:
        """The body of the response. Raises what `refusal_of` explains."""
        context = Context(
            program=self._program,
            request_id=exchange.request_id,
            address=address,
            document=document,
            operation=operation,
            variables=await self._coerced(operation, parameters, caller),
            actor=caller.actor,
            actor_now=caller.actor_now,
        )
        if not operation.is_planned:
            if operation.kind == "query":
                # `viewer` and introspection read no row that would say who is asking, or no more.
                await context.renew_if_stale()
            if operation.is_introspection:
                return await self._introspection.answer(context, parameters)
            try:
                return await execute(self._schema, context)
            finally:
                await record_refusals(context)
        answer = await Reader(context).operation()
        if not answer.withheld and not answer.masked:
            return b'{"data":%b}' % answer.json.encode()
        extensions = orjson.dumps(extensions_of(answer.withheld, answer.masked))
        return b'{"data":%b,"extensions":%b}' % (answer.json.encode(), extensions)

    async def _coerced(
        self, operation: Operation, parameters: Parameters, caller: Caller
    ) -> VariableValues:
        """Where they are many, only their sender waits for it."""
        given = parameters.variables
        if parameters.values <= FEW_VALUES or caller.actor is None:
            return self._variables.coerced(operation, given)
        user_id = caller.actor.user_id
        return await self._turns.take(user_id, lambda: self._variables.coerced(operation, given))


def is_public(operation: Operation) -> bool:
    """Whether anybody may run it."""
    return operation.kind == "mutation" and operation.root_fields <= PUBLIC_FIELDS


def refuse_change_by_get(operation: Operation) -> None:
    """GET asks and never changes anything. Raises Refused (405)."""
    if operation.kind != "query":
        raise refusal(statuses.METHOD_NOT_ALLOWED, "Send a mutation with POST.", headers=_POST_ONLY)


def _may_be_public(query: str) -> bool:
    """Spares parsing what strangers send: a document that names no public field has none.

    Nor is a long one a log-in.
    """
    return len(query) <= MAX_PUBLIC_TEXT and any(name in query for name in PUBLIC_MUTATIONS)
