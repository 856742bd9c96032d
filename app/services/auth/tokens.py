"""Access tokens of our own: short-lived JWTs, signed with a key derived from SECRET_KEY.

Only HS256 under the one key is ever tried, whatever a token's header says. A token is verified once
per process; after that its fingerprint answers until it expires. That is sound because a token only
proves who was given which `access_version`: every statement compares the version with the user's
row (`viewers.py`), so a remembered verification never outlives a suspension.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import OctKey

from app.infra.bounded_map import BoundedMap
from app.services.auth.identity import (
    EXPIRED,
    LEEWAY_SECONDS,
    Identity,
    TokenRefused,
    fingerprintable,
    header_of,
)

ISSUER = "customer-flow"
AUDIENCE = "customer-flow"
ALGORITHMS = ("HS256",)
TYPE = "at+jwt"  # RFC 9068: an access token and no other kind of JWT
REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessToken:
    """A signed token and when it stops being accepted, but for the leeway."""

    text: str = field(repr=False)
    expires_at: datetime


class AccessTokens:
    """Issues and verifies; one per process."""

    def __init__(
        self, secret_key: str, lifetime: timedelta, *, now: Callable[[], float] = time.time
    ) -> None:
        self._key = OctKey.import_key(derived_key(secret_key, "access token"))
        self._lifetime = int(lifetime.total_seconds())
        self._now = now
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
            ver={"essential": True},
        )
        self._verified: BoundedMap[bytes, tuple[Identity, float]] = BoundedMap(REMEMBERED)

    def issue(self, user_id: UUID, access_version: int) -> AccessToken:
        """A token for a user whose row is at this access version."""
        issued_at = int(self._now())
        expires_at = issued_at + self._lifetime
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": issued_at,
            "exp": expires_at,
            "jti": str(uuid4()),
            "ver": access_version,
        }
        header = {"alg": ALGORITHMS[0], "typ": TYPE}
        return AccessToken(
            text=jwt.encode(header, claims, self._key, algorithms=ALGORITHMS),
            expires_at=datetime.fromtimestamp(expires_at, UTC),
        )

    def verify(self, token: str) -> Identity:
        """Whom a token speaks for. Raises TokenRefused."""
        fingerprint = sha256(fingerprintable(token)).digest()
        known = self._verified.get(fingerprint)
        if known is not None:
            identity, good_until = known
            if self._now() < good_until:
                return identity
            self._verified.discard(fingerprint)
            raise TokenRefused(EXPIRED)
        identity, expires_at = self._verify(token)
        self._verified.put(fingerprint, (identity, expires_at + LEEWAY_SECONDS))
        return identity

    def _verify(self, token: str) -> tuple[Identity, float]:
        if header_of(token, ALGORITHMS).type != TYPE:
            raise TokenRefused("type")
        try:
            decoded = jwt.decode(token, self._key, algorithms=ALGORITHMS)
            self._claims.validate(decoded.claims)
        except ExpiredTokenError as error:
            raise TokenRefused(EXPIRED) from error
        except ClaimError as error:
            raise TokenRefused("claims") from error
        except (JoseError, ValueError, TypeError) as error:
            raise TokenRefused("signature") from error
        return _identity(decoded.claims), decoded.claims["exp"]


def derived_key(secret_key: str, purpose: str) -> bytes:
    """A 256-bit key for one purpose, which tells nothing of SECRET_KEY or of another purpose's."""
    return HKDF(
        algorithm=SHA256(), length=32, salt=None, info=f"customer-flow {purpose} v1".encode()
    ).derive(secret_key.encode())


def _identity(claims: dict[str, Any]) -> Identity:
    version = claims["ver"]
    if type(version) is not int:
        raise TokenRefused("claims")
    try:
        return Identity(UUID(claims["sub"]), version)
    except ValueError as error:
        raise TokenRefused("claims") from error
