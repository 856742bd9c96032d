"""Operations with fields that the planner does not answer: mutations, introspection and the like.

graphql-core runs them; JSON that the planner finished under one of their fields passes whole.
"""

from inspect import isawaitable
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from graphql.execution import default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import FragmentDetails
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from app.http import statuses
from app.http.refusals import RETRY_AFTER, Refused, refusal_of, told_of_graphql
from app.resolvers.context import Context


class JsonPassthroughExecutor(StrawberryGraphQLCoreExecutionContext):
    """Does not complete what is already the finished JSON of a field."""

    def complete_value(
        self,
        return_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """The fragment as it is, or the value completed as ever."""
        if type(result) is orjson.Fragment:
            return result
        return super().complete_value(
            return_type, field_details_list, info, path, result, position_context
        )


async def execute(schema: GraphQLSchema, context: Context) -> bytes:
    """The whole response body. Raises Refused when there is nothing to show but a fault."""
    result = _executor(schema, context).execute_operation()
    if isawaitable(result):
        result = await result
    return _body(result, context)


def execute_now(schema: GraphQLSchema, context: Context) -> bytes:
    """The same for operations of which nothing waits for anybody: those that ask for the schema."""
    return _body(_executor(schema, context).execute_operation(), context)


def _executor(schema: GraphQLSchema, context: Context) -> JsonPassthroughExecutor:
    """Made as graphql-core's own `build` does, but for the variables: those are coerced already."""
    document = context.document
    return JsonPassthroughExecutor(
        schema,
        document.fragments,
        {name: FragmentDetails(node, None) for name, node in document.fragments.items()},
        None,
        context,
        context.operation.node,
        context.variables,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        is_awaitable=optimized_is_awaitable,
        hide_suggestions=True,
    )


def _body(result: Any, context: Context) -> bytes:
    if not isinstance(result, ExecutionResult):
        raise TypeError("incremental delivery is not offered")
    response: dict[str, Any] = {}
    if result.errors:
        response["errors"] = [_told(error, context.request_id) for error in result.errors]
        if result.data is None:
            _refuse_faults(response["errors"])
    response["data"] = result.data
    extensions = extensions_of(context.withheld, context.masked)
    if extensions:
        response["extensions"] = extensions
    return orjson.dumps(response)


def extensions_of(withheld: Any, masked_: Any) -> dict[str, list[str]]:
    """What was kept back from the answer: coordinates in their order. Empty when nothing was."""
    extensions: dict[str, list[str]] = {}
    if withheld:
        extensions["withheld"] = sorted(withheld)
    if masked_:
        extensions["masked"] = sorted(masked_)
    return extensions


def _told(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """What the client learns of one field's error; every unforeseen one is logged and masked."""
    original = error.original_error
    if not isinstance(original, Exception):
        return told_of_graphql(error)
    refused = refusal_of(original, request_id)
    if refused.fault is statuses.UNAUTHENTICATED:
        raise refused  # nobody is signed in any more: they see nothing of the rest
    return {"path": error.path, **refused.errors[0]}


def _refuse_faults(told: list[dict[str, Any]]) -> None:
    """With no data at all, a fault of ours has its own status."""
    for code, fault in _FAULTS.items():
        if any(each["extensions"]["code"] == code for each in told):
            raise Refused(fault, told, RETRY_AFTER if fault is statuses.UNAVAILABLE else ())


_FAULTS = {each.code: each for each in (statuses.UNAVAILABLE, statuses.INTERNAL)}
