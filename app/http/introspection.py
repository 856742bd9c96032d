"""Answers about the schema: the same for everybody who may ask, and so made once and kept."""

import orjson
from graphql import GraphQLSchema

from app.http.executor import execute_now
from app.http.parameters import Parameters
from app.infra.bounded_map import BoundedMap
from app.infra.turns import Turns
from app.resolvers.context import Context

MAX_KEPT = 32
MAX_KEPT_BYTES = 500_000
"""Of one answer. A usual one has 150,000."""

MAX_KEPT_VARIABLES = 1000
"""Their length as JSON."""

Key = tuple[bytes, str | None, bytes]


class Introspection:
    """Answers operations that ask for nothing but the schema."""

    def __init__(self, schema: GraphQLSchema, turns: Turns) -> None:
        self._schema = schema
        self._turns = turns
        self._kept: BoundedMap[Key, bytes] = BoundedMap(MAX_KEPT)

    async def answer(self, context: Context, parameters: Parameters) -> bytes:
        """The whole response body. Making it takes tens of milliseconds, in a thread."""
        variables = orjson.dumps(parameters.variables, option=orjson.OPT_SORT_KEYS)
        key = (context.document.key, context.operation.name, variables)
        answer = self._kept.get(key)
        if answer is not None:
            return answer
        who = context.signed_in().user_id
        # Whoever waited for the same is asked first: one user may send it several times at once.
        answer = await self._turns.take(
            who, lambda: self._kept.peek(key) or execute_now(self._schema, context)
        )
        if len(answer) <= MAX_KEPT_BYTES and len(variables) <= MAX_KEPT_VARIABLES:
            self._kept.put(key, answer)
        return answer
