"""Requests that are refused: what is raised, what the client is told, what is only logged."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import asyncpg
import structlog
from graphql import GraphQLError

from app.domain.errors import DomainError
from app.http import sqlstates, statuses
from app.http.statuses import Fault
from app.infra.admission import Overloaded
from app.infra.database import Interrupted
from app.planner.documents import InvalidDocument
from app.services.auth.identity import EXPIRED, IssuerUnavailable, TokenRefused

RETRY_AFTER = ((b"retry-after", b"2"),)

_EXPIRED = b'Bearer error="invalid_token", error_description="expired"'

CLOSE = ((b"connection", b"close"),)
"""For a request of which the rest is not read: the connection cannot be used again."""

OUTAGES = (
    OSError,
    asyncpg.InternalClientError,  # the end of a connection that the driver has not noticed yet
)
"""What it looks like when PostgreSQL cannot be reached or went away, and does not say so."""

_AT = r"\A((?:Variable '\$\w+' has invalid (?:default )?value[^:]*: )?"
_QUOTING = tuple(
    (re.compile(quoting, re.DOTALL), instead)
    for quoting, instead in (
        (_AT + r")Value '.*' does not exist in", r"\1This value does not exist in"),
        (_AT + r"(?:Enum '\w+'|\w+) cannot represent [^:]*value): .*", r"\1."),
        (_AT + r"Expected value of type .*?)(?:, found: |, but encountered error ').*", r"\1."),
        (r"\A(Syntax Error: .*?(?:String|Int|Float)) '.*'", r"\1"),
        (r"\A(Syntax Error: .*? digit before '\.'), .*", r"\1."),
    )
)
"""Every way in which graphql-core quotes a value. From the start of a message and up to the last
place where a value can end: a value may read like a message, and be long."""

log = structlog.get_logger(__name__)


class Refused(Exception):
    """A request that is not answered: `errors` and no `data`."""

    def __init__(
        self,
        fault: Fault,
        errors: Iterable[Mapping[str, Any]],
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(fault.code)
        self.fault = fault
        self.errors = list(errors)
        self.headers = headers


def refusal(
    fault: Fault, message: str, *path: str | int, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Refused:
    """A refusal for one reason. `path` names the part of the request that is wrong."""
    return Refused(fault, [typed(fault.code, message, path)], headers)


def unauthenticated(reason: str | None = None, *, instead: Refused | None = None) -> Refused:
    """Always the same words, whatever was asked and whatever was wrong with the token.

    But for one `reason`: whose token was good and has run out is told to fetch a new one, in the
    header of RFC 6750. Only who once proved who they are can have such a token.

    `instead` of another refusal; of that it only says whether the connection can be used again.
    """
    challenge = _EXPIRED if reason == EXPIRED else b"Bearer"
    kept = tuple(each for each in CLOSE if instead is not None and each in instead.headers)
    headers = ((b"www-authenticate", challenge), *kept)
    return refusal(statuses.UNAUTHENTICATED, "Sign in.", headers=headers)


def refusal_of(error: Exception, request_id: str) -> Refused:
    """What the client is told of any exception; one that nobody foresaw is logged and masked."""
    for expected, told in _EXPECTED:
        if isinstance(error, expected) and (refused := told(error)) is not None:
            return refused
    log.error("internal error", exc_info=error)
    return Refused(statuses.INTERNAL, [masked(request_id)])


def unavailable(message: str = "Not available at this moment: try again shortly.") -> Refused:
    """Something this program needs is away, or taken: the same request may be sent again."""
    told = typed(statuses.UNAVAILABLE.code, message, details={"retryable": True})
    return Refused(statuses.UNAVAILABLE, [told], RETRY_AFTER)


def masked(request_id: str) -> dict[str, Any]:
    """All that a client learns of a fault of ours: under which id it is logged."""
    return typed(statuses.INTERNAL.code, "Internal error", details={"requestId": request_id})


def told_of(error: DomainError) -> dict[str, Any]:
    """A refusal that the caller can act on."""
    return typed(error.code, error.message, error.path, error.details)


def told_of_graphql(error: GraphQLError) -> dict[str, Any]:
    """An error that graphql-core found in the document or the variables, without the values in it.

    A message that quotes what was found would send a password back, and into others' logs.
    """
    message = error.message
    for quoting, instead in _QUOTING:
        message = quoting.sub(instead, message)
    code = {"code": statuses.INVALID.code}
    return {**error.formatted, "message": message, "extensions": code}


def typed(
    code: str,
    message: str,
    path: Iterable[str | int] = (),
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One entry of `errors`."""
    made: dict[str, Any] = {"message": message}
    if path:
        made["path"] = list(path)
    made["extensions"] = {"code": code, **(details or {})}
    return made


def _away(error: Exception) -> Refused:
    log.error("a server this one needs does not answer", reason=type(error).__name__)
    return unavailable()


def _of_postgresql(error: asyncpg.PostgresError) -> Refused | None:
    meaning = sqlstates.meaning_of(error)
    if meaning is None:
        return None
    log.warning("PostgreSQL refuses", sqlstate=error.sqlstate, reason=type(error).__name__)
    if meaning.is_retryable:
        return unavailable(meaning.message)
    return refusal(meaning.fault, meaning.message)


def _overloaded(_error: Exception) -> Refused:
    return unavailable("Too many are at work already: try again shortly.")


def _interrupted(_error: Exception) -> Refused:
    return unavailable("This took too long, and nothing was done: try again.")


def _refused_by_rule(error: DomainError) -> Refused:
    seconds = (error.details or {}).get("retryAfterSeconds")
    headers = () if seconds is None else ((b"retry-after", b"%d" % seconds),)
    return Refused(statuses.fault_of(error.code), [told_of(error)], headers)


_Kind = type[Exception] | tuple[type[Exception], ...]
_EXPECTED: tuple[tuple[_Kind, Callable[[Any], Refused | None]], ...] = (
    (Refused, lambda error: error),
    (DomainError, _refused_by_rule),
    (InvalidDocument, lambda error: _invalid(error.errors)),
    (GraphQLError, lambda error: _invalid([error])),
    (Overloaded, _overloaded),
    (Interrupted, _interrupted),
    (asyncpg.PostgresError, _of_postgresql),
    (TokenRefused, lambda error: unauthenticated(error.reason)),
    ((IssuerUnavailable, *OUTAGES), _away),
)


def _invalid(errors: Iterable[GraphQLError]) -> Refused:
    return Refused(statuses.INVALID, [told_of_graphql(each) for each in errors])
