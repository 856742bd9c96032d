"""Around every request: its id, its log line, its metrics, and an answer to what nobody foresaw."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.answers import answer_of, send_json
from app.http.exchange import SCOPE_KEY, Exchange
from app.http.media_types import LEGACY
from app.http.refusals import refusal_of
from app.http.request_ids import HEADER, request_id_of
from app.infra.metrics import observe_request

log = structlog.get_logger("app.http")


class Edge:
    """The outermost layer. It logs which route was used, never an address that a client made up."""

    def __init__(self, app: ASGIApp, *, routes: frozenset[str]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything that is no request passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(request_id_of(scope["headers"]))
        scope[SCOPE_KEY] = exchange
        # A server may start one request's task from another's: nothing of that one is kept.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        own_headers = (
            (HEADER, exchange.request_id.encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        )

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message["headers"], *own_headers]
            else:
                exchange.bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as error:
            refused = refusal_of(error, exchange.request_id)
            if exchange.status:
                raise  # half an answer is out: the server cuts the connection
            await send_json(send_on, answer_of(refused, LEGACY))
        finally:
            self._note(scope, exchange)

    def _note(self, scope: Scope, exchange: Exchange) -> None:
        seconds = exchange.seconds
        observe_request(exchange.kind, exchange.status, seconds)
        path = scope["path"]
        log.info(
            "request",
            method=scope["method"],
            route=path if path in self._routes else None,
            operation=exchange.operation,
            kind=exchange.kind,
            status=exchange.status,
            duration_ms=round(seconds * 1000, 2),
            bytes=exchange.bytes,
        )
