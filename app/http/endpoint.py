"""`/graphql`: GraphQL over HTTP, as a plain ASGI application because every request passes here."""

from collections.abc import Callable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.http import media_types, statuses
from app.http.answers import HttpAnswer, answer_of, encoded, send_json
from app.http.authenticate import Caller, caller_of
from app.http.body import read_body
from app.http.exchange import Exchange, exchange_of
from app.http.operations import Operations, refuse_change_by_get
from app.http.parameters import Parameters, from_json, from_query_string
from app.http.refusals import Refused, refusal, refusal_of, unauthenticated, unavailable
from app.services.auth.authentication import Authentication

MAX_LOGGED_NAME = 80

STRANGERS_BYTES = 8 * 1024
"""Of a request by somebody who is not signed in: room for an e-mail address, a password and what is
asked of the answer."""

_METHODS = ((b"allow", b"GET, POST"),)

Headers = dict[bytes, bytes]


class GraphqlEndpoint:
    """The one endpoint. `is_open` says whether the program has reached its database yet."""

    def __init__(
        self,
        operations: Operations,
        authentication: Authentication,
        *,
        body_limit_bytes: int,
        is_open: Callable[[], bool],
    ) -> None:
        self._operations = operations
        self._authentication = authentication
        self._body_limit_bytes = body_limit_bytes
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, the answer is typed."""
        exchange = exchange_of(scope)
        headers: Headers = dict(scope["headers"])
        media_type = media_types.accepted(headers.get(b"accept"))
        if media_type is None:
            not_acceptable = refusal(statuses.NOT_ACCEPTABLE, "Accept JSON.")
            await send_json(send, answer_of(not_acceptable, media_types.LEGACY))
            return
        try:
            body = await self._answer(scope, receive, headers, exchange)
            answer = HttpAnswer(statuses.OK, body)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the edge: every fault becomes an answer
            refused = refusal_of(error, exchange.request_id)
            if refused.fault is statuses.UNAUTHENTICATED and exchange.refused_token is not None:
                refused = unauthenticated(exchange.refused_token, instead=refused)
            answer = answer_of(refused, media_type)
        answer = await encoded(answer, headers.get(b"accept-encoding"))
        await send_json(send, answer, media_type)

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Headers, exchange: Exchange
    ) -> bytes:
        if scope["method"] not in {"POST", "GET"}:
            raise refusal(statuses.METHOD_NOT_ALLOWED, "Use POST, or GET.", headers=_METHODS)
        if not self._is_open():
            raise unavailable()
        authorization = headers.get(b"authorization")
        caller = await caller_of(self._authentication, authorization, exchange.request_id)
        exchange.refused_token = caller.refused
        if caller.actor is not None:
            exchange.actor = str(caller.actor.user_id)
            structlog.contextvars.bind_contextvars(actor=exchange.actor)
        parameters = await self._parameters(scope, receive, headers, caller)
        document, operation = await self._operations.find(parameters, caller)
        exchange.kind = operation.kind
        exchange.operation = operation.name and operation.name[:MAX_LOGGED_NAME]
        if scope["method"] == "GET":
            refuse_change_by_get(operation)
        client = scope.get("client")
        address = client[0] if client else None
        return await self._operations.answer(
            document, operation, parameters, caller, exchange, address
        )

    async def _parameters(
        self, scope: Scope, receive: Receive, headers: Headers, caller: Caller
    ) -> Parameters:
        """Whoever is not signed in and sends what is no request only learns that they have to, and
        has a log-in's length for it.
        """
        limit_bytes = self._body_limit_bytes
        if caller.actor is None:
            limit_bytes = min(limit_bytes, STRANGERS_BYTES)
        try:
            if scope["method"] == "GET":
                return from_query_string(scope["query_string"], limit_bytes)
            if not media_types.is_json(headers.get(b"content-type")):
                raise refusal(statuses.UNSUPPORTED_MEDIA_TYPE, "Send application/json in UTF-8.")
            announced = headers.get(b"content-length")
            return from_json(await read_body(receive, announced, limit_bytes))
        except Refused as refused:
            if caller.actor is None:
                raise unauthenticated(instead=refused) from None
            raise
