"""What a bearer token proves, and why one is refused."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

MAXIMUM_TOKEN_CHARACTERS = 8192
LEEWAY_SECONDS = 30
"""How far the clocks of whoever issues and whoever verifies may differ."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user a token speaks for.

    `access_version` is the version of the user's rights that the token was issued for; a token from
    outside knows none. It proves nothing about now: whether the user is active, and at which
    version, is what the database says in each statement (see `viewers.py`).
    """

    user_id: UUID
    access_version: int | None


EXPIRED = "expired"
"""The one reason that callers learn: the signature was good, so the token once was theirs."""


class TokenRefused(Exception):
    """A bearer token that proves nothing: the edge answers 401.

    `reason` is a fixed word for logs and metrics. Callers learn nothing of it but `EXPIRED`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IssuerUnavailable(Exception):
    """The outside issuer's keys cannot be had, so no token can be judged: the edge answers 503."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says about itself. Nothing of it is trusted; it only chooses what to try."""

    algorithm: str
    type: str | None
    key_id: str | None


def fingerprintable(token: str) -> bytes:
    """The token's bytes; raises TokenRefused for what can be no compact JWT."""
    if not 0 < len(token) <= MAXIMUM_TOKEN_CHARACTERS or not token.isascii():
        raise TokenRefused("malformed")
    return token.encode("ascii")


def header_of(token: str, algorithms: Collection[str]) -> Header:
    """The unverified header of a signed token; raises TokenRefused unless its algorithm is allowed.

    Looked at before the JOSE library sees the token: that one assumes a well-formed header.
    """
    segments = token.split(".")
    if len(segments) != 3 or not all(segments):
        raise TokenRefused("malformed")
    try:
        header = json.loads(urlsafe_b64decode(segments[0] + "=="))
    except (ValueError, RecursionError) as error:
        raise TokenRefused("malformed") from error
    if not isinstance(header, dict):
        raise TokenRefused("malformed")
    algorithm, kind, key_id = header.get("alg"), header.get("typ"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenRefused("algorithm")
    if not isinstance(kind, str | None) or not isinstance(key_id, str | None):
        raise TokenRefused("malformed")
    return Header(algorithm, kind, key_id)
