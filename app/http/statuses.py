"""The one table of status codes, and the codes that go with them in `extensions.code`.

GraphQL over HTTP has two media types. With `application/graphql-response+json` the status says how
the request fared; with `application/json`, for clients from before it, every request that could be
understood as GraphQL is 200 and only its body says more. What never reached GraphQL (nobody signed
in, no JSON, too large...) has one status whatever the client accepts.

An answer with `data`, be it partial, is 200. A request that was refused has `errors` and no `data`.
"""

from dataclasses import dataclass

from app.domain.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of refusal."""

    code: str
    status: int
    legacy_status: int
    """The status with `application/json`."""


def _always(code: str, status: int) -> Fault:
    return Fault(code, status, status)


OK = 200

MALFORMED = _always(ErrorCode.VALIDATION, 400)
"""The body or its parameters are no GraphQL request."""

INVALID = Fault(ErrorCode.VALIDATION, 400, 200)
"""The document, the operation's name, the variables or an argument cannot be answered."""

FORBIDDEN = Fault(ErrorCode.FORBIDDEN, 403, 200)
"""The document is fine and the viewer may not have what it asks for."""

UNAUTHENTICATED = _always("UNAUTHENTICATED", 401)
METHOD_NOT_ALLOWED = _always("METHOD_NOT_ALLOWED", 405)
NOT_ACCEPTABLE = _always("NOT_ACCEPTABLE", 406)
TOO_SLOW = _always("TOO_SLOW", 408)
"""It did not arrive in time."""

TOO_LARGE = _always("TOO_LARGE", 413)
PERSISTED_QUERY_NOT_SUPPORTED = _always("PERSISTED_QUERY_NOT_SUPPORTED", 200)
"""As Apollo's server answers: no error of HTTP, but a word between client and server."""

UNSUPPORTED_MEDIA_TYPE = _always("UNSUPPORTED_MEDIA_TYPE", 415)
HEAD_TOO_LARGE = _always("TOO_LARGE", 431)
"""Not the body: the address, or the headers."""

INTERNAL = _always("INTERNAL", 500)
UNAVAILABLE = _always("UNAVAILABLE", 503)
"""A server that this one needs does not answer: try again."""

_BY_CODE = {
    ErrorCode.FORBIDDEN: FORBIDDEN,
    ErrorCode.RATE_LIMITED: Fault(ErrorCode.RATE_LIMITED, 429, 200),
}


def fault_of(code: ErrorCode) -> Fault:
    """The fault of a read that was refused as a whole."""
    return _BY_CODE.get(code) or Fault(code, INVALID.status, INVALID.legacy_status)
