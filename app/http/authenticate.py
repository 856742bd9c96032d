"""Who sends a request, by its Authorization header and nothing else.

No cookie and no parameter of an address ever carries a credential. That is also the rule against
cross-site requests: a browser sends no bearer token of its own accord, a page of another origin
that wants to send one has to ask first (a preflight, which CORS refuses unless the origin is
allowed), and so does one that wants to POST JSON, the only thing accepted. Forms cannot get in.
"""

from collections.abc import Awaitable, Callable

from app.policies.actor import Actor
from app.resolvers.context import ActorNow
from app.services.auth.authentication import Authentication
from app.services.auth.identity import TokenRefused

SCHEME = "bearer"


class Caller:
    """Whoever sent this request. `actor` is None when they did not prove who they are.

    `refused` says why the token that they sent does not; None when they sent none.
    """

    __slots__ = ("_ask", "actor", "refused")

    def __init__(
        self,
        actor: Actor | None,
        ask: Callable[[], Awaitable[Actor]],
        refused: str | None = None,
    ) -> None:
        self.actor = actor
        self.refused = refused
        self._ask = ask

    @property
    def actor_now(self) -> ActorNow:
        """Reads the actor anew; raises TokenRefused when the token stands for nobody any more."""
        return self._ask


async def caller_of(
    authentication: Authentication, authorization: bytes | None, request_id: str
) -> Caller:
    """Raises IssuerUnavailable. A token that is refused proves nothing, as if there were none."""
    bearer = _bearer(authorization)
    if bearer is None:
        return Caller(None, _nobody)
    try:
        actor = await authentication.actor(bearer, request_id)
    except TokenRefused as error:
        return Caller(None, _nobody, error.reason)
    return Caller(actor, lambda: authentication.actor_now(bearer, request_id))


def _bearer(authorization: bytes | None) -> str | None:
    if authorization is None:
        return None
    scheme, _, token = authorization.decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == SCHEME else None


async def _nobody() -> Actor:
    raise TokenRefused("missing")
