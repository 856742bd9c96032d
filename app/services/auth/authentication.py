"""From a bearer token to the actor who is asking."""

from collections.abc import Awaitable, Callable

from app.policies.actor import Actor
from app.services.auth.identity import Identity, TokenRefused
from app.services.auth.oidc import OidcTokens
from app.services.auth.tokens import AccessTokens
from app.services.auth.viewers import Viewers


class Authentication:
    """What the edge asks. Tokens are either our own or the outside issuer's, never both."""

    def __init__(self, tokens: AccessTokens | OidcTokens, viewers: Viewers) -> None:
        self._identify = _identify_with(tokens)
        self._viewers = viewers

    async def actor(self, bearer: str, request_id: str) -> Actor:
        """The actor as last read. Raises TokenRefused, or IssuerUnavailable.

        Their stamp has yet to be compared, by the statement that answers (`viewers.py`); on a
        mismatch the edge asks for `actor_now` and runs the statement again.
        """
        identity = await self._identify(bearer)
        actor = await self._viewers.get(identity.user_id, request_id)
        if actor is not None and _is_for(identity, actor):
            return actor
        # Either the token is newer than what this process remembers, or it is outdated.
        return await self._read_anew(identity, request_id)

    async def actor_now(self, bearer: str, request_id: str) -> Actor:
        """The actor as of now. Raises TokenRefused once the user is suspended or changed."""
        return await self._read_anew(await self._identify(bearer), request_id)

    async def _read_anew(self, identity: Identity, request_id: str) -> Actor:
        actor = await self._viewers.refresh(identity.user_id, request_id)
        if actor is None or not _is_for(identity, actor):
            raise TokenRefused("user")
        return actor


def _is_for(identity: Identity, actor: Actor) -> bool:
    return identity.access_version in {None, actor.access_version}


def _identify_with(tokens: AccessTokens | OidcTokens) -> Callable[[str], Awaitable[Identity]]:
    if isinstance(tokens, OidcTokens):
        return tokens.identify

    async def identify(bearer: str) -> Identity:
        return tokens.verify(bearer)

    return identify
