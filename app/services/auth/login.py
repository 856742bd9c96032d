"""Local log-in and refresh: a password, or a refresh token, against a new pair of tokens.

Whatever is wrong about a log-in (no such user, no password, suspended, wrong password), it is
refused with the same words after the same work: one read, one verification, one audit row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from app.domain.errors import DomainError, ErrorCode
from app.infra.database import Database, Statement, Transaction
from app.policies.actor import Actor
from app.services.auth import attempts, refresh_tokens
from app.services.auth.attempts import Refused
from app.services.auth.limits import LogInLimits, TooManyAttempts
from app.services.auth.passwords import MINIMUM_CHARACTERS, Passwords
from app.services.auth.refresh_tokens import NotRotated, Rotated
from app.services.auth.tokens import AccessTokens
from app.services.auth.viewers import Viewers

MAXIMUM_EMAIL_CHARACTERS = 320

FIND = Statement(
    text("""
    SELECT id, is_active, password_hash, access_version FROM users
    WHERE lower(email) = lower(CAST(:email AS text))
    """)
)
# Raises access_version, as every change of the hash does: other access tokens have to be refreshed.
REHASH = Statement(
    text("""
    UPDATE users SET password_hash = CAST(:new_hash AS text)
    WHERE id = CAST(:user_id AS uuid) AND access_version = CAST(:access_version AS integer)
    RETURNING access_version
    """)
)
LOCK_UNCHANGED = Statement(
    text("""
    SELECT id FROM users
    WHERE id = CAST(:user_id AS uuid) AND is_active
        AND access_version = CAST(:access_version AS integer)
    FOR NO KEY UPDATE
    """)
)

User = Mapping[str, Any]
"""A row of FIND."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogIn:
    """`address` is where the request came from, when that is known."""

    email: str = field(repr=False)
    password: str = field(repr=False)
    address: str | None = field(default=None, repr=False)
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refresh:
    """A refresh token, to be traded for the next."""

    refresh_token: str = field(repr=False)
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """What the caller may use from now on. `expires_at` is the access token's."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    actor: Actor


@dataclass(frozen=True, kw_only=True)
class LocalLogIn:
    """What logging in needs; made by a composition root, unless an outside issuer does it.

    `takes_demo_password`: passwords that are too short for anybody, as the demo log-ins have, open
    something only where nobody else comes.
    """

    database: Database
    viewers: Viewers
    passwords: Passwords
    tokens: AccessTokens
    limits: LogInLimits
    refresh_lifetime: timedelta
    takes_demo_password: bool = False


async def login(local: LocalLogIn | None, command: LogIn) -> SignedIn:
    """Raises FORBIDDEN, RATE_LIMITED with `retryAfterSeconds`, INVALID_STATE or CONFLICT."""
    local = here(local)
    await _admit(local, command)
    user_id, access_version = await _proven(local, command)
    actor = await local.viewers.refresh(user_id, command.request_id)
    if actor is None:
        raise _changed()
    try:
        actor.require("Mutation.login")
    except DomainError:
        await _refuse(local.database, command, Refused.NOT_ALLOWED, user_id)
        raise

    async def work(tx: Transaction) -> str:
        found = await tx.fetchrow(LOCK_UNCHANGED, user_id=user_id, access_version=access_version)
        if found is None:
            raise _changed()
        await attempts.record_success(tx, attempts.LOG_IN, user_id, command.request_id)
        return await refresh_tokens.start_family(tx, user_id, local.refresh_lifetime)

    refresh_token = await local.database.run(work)
    await local.limits.give_back(command.email, command.address)
    return _signed_in(local, actor, refresh_token, access_version)


async def refresh(local: LocalLogIn | None, command: Refresh) -> SignedIn:
    """Raises FORBIDDEN, and INVALID_STATE when an outside issuer does the log-in."""
    local = here(local)

    async def work(tx: Transaction) -> Rotated | NotRotated:
        outcome = await refresh_tokens.rotate(tx, command.refresh_token, local.refresh_lifetime)
        if isinstance(outcome, Rotated):
            await attempts.record_success(tx, attempts.REFRESH, outcome.user_id, command.request_id)
        elif outcome.is_news:
            await attempts.record_refusal(
                tx, attempts.REFRESH, outcome.reason, outcome.user_id, command.request_id
            )
        return outcome

    outcome = await local.database.run(work)
    if isinstance(outcome, NotRotated):
        log.info("refresh refused", reason=outcome.reason)
        raise DomainError(
            ErrorCode.FORBIDDEN,
            "This refresh token is not valid any more: log in again.",
            path=("refreshToken",),
        )
    actor = await local.viewers.refresh(outcome.user_id, command.request_id)
    if actor is None:
        raise _changed()
    actor.require("Mutation.refreshToken")
    return _signed_in(local, actor, outcome.token, outcome.access_version)


async def _admit(local: LocalLogIn, command: LogIn) -> None:
    try:
        await local.limits.admit(command.email, command.address)
    except TooManyAttempts as error:
        if error.is_first:
            user = await _find(local.database, command.email)
            user_id = user["id"] if user else None
            await _refuse(local.database, command, Refused.TOO_MANY_ATTEMPTS, user_id)
        raise


async def _proven(local: LocalLogIn, command: LogIn) -> tuple[UUID, int]:
    """The user whose password this is, and the access version it was compared at."""
    user = await _find(local.database, command.email)
    is_taken = local.takes_demo_password or len(command.password) >= MINIMUM_CHARACTERS
    usable = user if user is not None and user["is_active"] and is_taken else None
    stored_hash = usable["password_hash"] if usable else None
    verification = await local.passwords.verify(stored_hash, command.password)
    if usable is None or not verification.is_right:
        user_id = user["id"] if user else None
        await _refuse(local.database, command, _why(user), user_id)
        raise DomainError(ErrorCode.FORBIDDEN, "E-mail or password is wrong.")
    if verification.new_hash is None:
        return usable["id"], usable["access_version"]
    return usable["id"], await _rehash(local.database, usable, verification.new_hash)


async def _find(database: Database, email: str) -> User | None:
    email = email.strip()
    # What PostgreSQL cannot hold is nobody's e-mail: looked for all the same, to take as long.
    sought = email if email.isprintable() and len(email) <= MAXIMUM_EMAIL_CHARACTERS else ""
    found: User | None = await database.run(lambda tx: tx.fetchrow(FIND, email=sought))
    return found


async def _rehash(database: Database, user: User, new_hash: str) -> int:
    version: int | None = await database.run(
        lambda tx: tx.fetchval(
            REHASH,
            user_id=user["id"],
            access_version=user["access_version"],
            new_hash=new_hash,
        )
    )
    if version is None:
        raise _changed()
    return version


def _why(user: User | None) -> Refused:
    if user is None:
        return Refused.UNKNOWN_USER
    return Refused.WRONG_PASSWORD if user["is_active"] else Refused.INACTIVE_USER


async def _refuse(
    database: Database, command: LogIn, reason: Refused, user_id: UUID | None
) -> None:
    log.info("log-in refused", reason=reason)
    await database.run(
        lambda tx: attempts.record_refusal(tx, attempts.LOG_IN, reason, user_id, command.request_id)
    )


def here(local: LocalLogIn | None) -> LocalLogIn:
    """The local log-in; INVALID_STATE when an outside issuer does it."""
    if local is None:
        raise DomainError(
            ErrorCode.INVALID_STATE,
            "There is no log-in here: get a token from the issuer of your organisation.",
        )
    return local


def _changed() -> DomainError:
    return DomainError(
        ErrorCode.CONFLICT, "Your account changed while you were logging in: try again."
    )


def _signed_in(local: LocalLogIn, actor: Actor, refresh_token: str, version: int) -> SignedIn:
    access_token = local.tokens.issue(actor.user_id, version)
    return SignedIn(
        access_token=access_token.text,
        refresh_token=refresh_token,
        expires_at=access_token.expires_at,
        actor=actor,
    )
