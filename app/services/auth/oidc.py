"""Tokens of an outside OpenID Connect issuer, instead of a log-in of our own.

A token is accepted when one of the issuer's keys signed it with RS256 or ES256, it was issued for
this product, and it carries an e-mail that the issuer has verified. That e-mail names the local
user: roles and teams are ours, never the issuer's. Whether the user is active is asked in each
statement.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

import httpx
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jws import JWSRegistry
from sqlalchemy import text

from app.infra.bounded_map import BoundedMap
from app.infra.database import Database, Statement
from app.services.auth.identity import (
    EXPIRED,
    LEEWAY_SECONDS,
    Identity,
    TokenRefused,
    fingerprintable,
    header_of,
)
from app.services.auth.issuer_keys import IssuerKeys

ALGORITHMS = ("RS256", "ES256")
TYPES = {None, "JWT", "at+jwt", "application/at+jwt"}
REMEMBERED = 10_000
# An e-mail that moves to another user moves their tokens after at most this long.
USER_KEPT_SECONDS = 60

USER_OF_EMAIL = Statement(
    text("""
    SELECT id FROM users WHERE lower(email) = lower(CAST(:email AS text)) AND is_active
    """)
)


@dataclass(frozen=True, slots=True)
class _Verified:
    email: str = field(repr=False)
    good_until: float


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    verified: _Verified
    looked_up_until: float


class OidcTokens:
    """Verifies tokens of one issuer and finds their users. For one event loop."""

    def __init__(
        self,
        database: Database,
        http: httpx.AsyncClient,
        *,
        issuer: str,
        audience: str,
        jwks_url: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._keys = IssuerKeys(http, issuer, jwks_url)
        self._now = now
        # An issuer may add header parameters; those that must be understood are in `crit`.
        self._signatures = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            email={"essential": True},
        )
        self._known: BoundedMap[bytes, _Known] = BoundedMap(REMEMBERED)

    async def identify(self, token: str) -> Identity:
        """Whom a token speaks for. Raises TokenRefused, or IssuerUnavailable without keys."""
        fingerprint = sha256(fingerprintable(token)).digest()
        known = self._known.get(fingerprint)
        now = self._now()
        if known is not None:
            if now < min(known.looked_up_until, known.verified.good_until):
                return known.identity
            self._known.discard(fingerprint)
        if known is None or now >= known.verified.good_until:
            verified = await self._verify(token)
        else:
            verified = known.verified
        user_id = await self._user(verified.email)
        if user_id is None:
            raise TokenRefused("user")
        identity = Identity(user_id, None)
        self._known.put(fingerprint, _Known(identity, verified, now + USER_KEPT_SECONDS))
        return identity

    async def _verify(self, token: str) -> _Verified:
        header = header_of(token, ALGORITHMS)
        if header.type not in TYPES:
            raise TokenRefused("type")
        key = await self._keys.find(header.algorithm, header.key_id)
        if key is None:
            raise TokenRefused("key")
        try:
            claims = jwt.decode(token, key, registry=self._signatures).claims
            self._claims.validate(claims)
        except ExpiredTokenError as error:
            raise TokenRefused(EXPIRED) from error
        except ClaimError as error:
            raise TokenRefused("claims") from error
        except (JoseError, ValueError, TypeError) as error:
            raise TokenRefused("signature") from error
        email = claims["email"]
        if claims.get("email_verified") is not True or not isinstance(email, str):
            raise TokenRefused("email")
        return _Verified(email, claims["exp"] + LEEWAY_SECONDS)

    async def _user(self, email: str) -> UUID | None:
        if not email.isprintable():
            return None
        arguments = USER_OF_EMAIL.arguments({"email": email})
        user_id: UUID | None = await self._database.read_pool.fetchval(
            USER_OF_EMAIL.sql, *arguments
        )
        return user_id
