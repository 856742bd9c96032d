"""Refresh tokens: opaque, good for one use, and kept as hashes only.

Tokens got by rotating from one log-in form a *family*. Using a token a second time proves that two
parties hold it, so the whole family dies, the newest token included, and with it every access token
of the user: nobody knows which is whose. No grace is given for a lost answer: whoever lost it logs
in again. Every rotation and every revocation locks the user's row first, so no token is born into a
family or an account while it is being revoked.
"""

import secrets
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from sqlalchemy import text

from app.infra.database import Statement, Transaction
from app.services.auth.attempts import Refused

TOKEN_BYTES = 32

LOCK_OWNER = Statement(
    text("""
    SELECT id, is_active, access_version FROM users WHERE id = (
        SELECT user_id FROM refresh_tokens WHERE token_hash = CAST(:token_hash AS bytea)
    ) FOR NO KEY UPDATE
    """)
)
# A statement of its own, so that it sees what was done before the owner could be locked.
READ = Statement(
    text("""
    SELECT id, family_id, used_at IS NOT NULL AS is_used, revoked_at IS NOT NULL AS is_revoked,
        expires_at <= now() AS is_expired
    FROM refresh_tokens WHERE token_hash = CAST(:token_hash AS bytea)
    """)
)
INSERT = Statement(
    text("""
    INSERT INTO refresh_tokens (user_id, family_id, token_hash, expires_at)
    VALUES (CAST(:user_id AS uuid), CAST(:family_id AS uuid), CAST(:token_hash AS bytea),
        now() + CAST(:lifetime AS interval))
    """)
)
USE = Statement(
    text("UPDATE refresh_tokens SET used_at = now() WHERE id = CAST(:token_id AS uuid)")
)
REVOKE_FAMILY = Statement(
    text("""
    UPDATE refresh_tokens SET revoked_at = now()
    WHERE family_id = CAST(:family_id AS uuid) AND revoked_at IS NULL
    """)
)
REVOKE_USER = Statement(
    text("""
    UPDATE refresh_tokens SET revoked_at = now()
    WHERE user_id = CAST(:user_id AS uuid) AND revoked_at IS NULL
    """)
)

# Access tokens name the version that they were made for, and every statement compares it.
END_ACCESS = Statement(
    text("""
    UPDATE users SET access_version = access_version + 1 WHERE id = CAST(:user_id AS uuid)
    """)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rotated:
    """The token that replaces the used one, and its owner as of the rotation."""

    token: str = field(repr=False)
    user_id: UUID
    access_version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NotRotated:
    """Why there is no new token. `user_id` is the owner, when the token was ever issued.

    `is_news`: this attempt revoked something, which belongs into the audit trail.
    """

    reason: Refused
    user_id: UUID | None = None
    is_news: bool = False


async def start_family(tx: Transaction, user_id: UUID, lifetime: timedelta) -> str:
    """The first token of a new log-in. The caller has locked the user's row."""
    return await _issue(tx, user_id, uuid4(), lifetime)


async def rotate(tx: Transaction, token: str, lifetime: timedelta) -> Rotated | NotRotated:
    """Trade a token for the next. The outcome is to be committed either way: it may revoke."""
    token_hash = hash_of(token)
    if token_hash is None:
        return NotRotated(reason=Refused.UNKNOWN_TOKEN)
    owner = await tx.fetchrow(LOCK_OWNER, token_hash=token_hash)
    found = await tx.fetchrow(READ, token_hash=token_hash)
    if owner is None or found is None:
        return NotRotated(reason=Refused.UNKNOWN_TOKEN)
    user_id, family_id = owner["id"], found["family_id"]
    if found["is_revoked"]:
        return NotRotated(reason=Refused.REVOKED_TOKEN, user_id=user_id)
    if found["is_used"] or not owner["is_active"]:
        await tx.execute(REVOKE_FAMILY, family_id=family_id)
        await end_access(tx, user_id)
        reason = Refused.REUSED_TOKEN if found["is_used"] else Refused.INACTIVE_USER
        return NotRotated(reason=reason, user_id=user_id, is_news=True)
    if found["is_expired"]:
        return NotRotated(reason=Refused.EXPIRED_TOKEN, user_id=user_id)
    await tx.execute(USE, token_id=found["id"])
    return Rotated(
        token=await _issue(tx, user_id, family_id, lifetime),
        user_id=user_id,
        access_version=owner["access_version"],
    )


async def end_session(tx: Transaction, token: str, *, everywhere: bool) -> UUID | None:
    """End the log-in that a token is of, or all of its owner's; the owner's id.

    None, and nothing done, for a token that was never issued or whose log-in has ended.
    """
    token_hash = hash_of(token)
    owner = None if token_hash is None else await tx.fetchrow(LOCK_OWNER, token_hash=token_hash)
    found = owner and await tx.fetchrow(READ, token_hash=token_hash)
    if owner is None or not found or found["is_revoked"] or found["is_expired"]:
        return None
    user_id: UUID = owner["id"]
    if everywhere:
        await end_everything(tx, user_id)
    else:
        await tx.execute(REVOKE_FAMILY, family_id=found["family_id"])
        await end_access(tx, user_id)
    return user_id


async def end_everything(tx: Transaction, user_id: UUID) -> None:
    """End every log-in of a user, and every access token."""
    await end_access(tx, user_id)
    await revoke_all(tx, user_id)


async def end_access(tx: Transaction, user_id: UUID) -> None:
    """Refuse every access token that the user has; what log-ins stay are refreshed."""
    await tx.execute(END_ACCESS, user_id=user_id)


async def revoke_all(tx: Transaction, user_id: UUID) -> None:
    """End every log-in of a user. The caller has locked the user's row."""
    await tx.execute(REVOKE_USER, user_id=user_id)


def hash_of(token: str) -> bytes | None:
    """What is stored of a token; None for what can be no token of ours."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=")
    except (UnicodeEncodeError, Base64Error):
        return None
    return sha256(raw).digest() if len(raw) == TOKEN_BYTES else None


async def _issue(tx: Transaction, user_id: UUID, family_id: UUID, lifetime: timedelta) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    await tx.execute(
        INSERT,
        user_id=user_id,
        family_id=family_id,
        token_hash=hash_of(token),
        lifetime=lifetime,
    )
    return token
