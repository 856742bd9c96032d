"""Passwords: argon2id, computed beside the event loop by a bounded number of threads.

A user who does not exist, or has no password, costs exactly one verification too: against a hash
that nothing matches. Passwords are compared in Unicode's NFKC form, whatever keyboard typed them.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.domain.errors import DomainError, ErrorCode, Invalid

MINIMUM_CHARACTERS = 12
MAXIMUM_CHARACTERS = 200
# RFC 9106, second recommended option: 64 MiB, three passes, four lanes.
MEMORY_KIBIBYTES = 65_536
PASSES = 3
LANES = 4
# Two at once cost 128 MiB; those that wait cost next to nothing, but not for ever.
THREADS = 2
MAX_WAITING = 64
# Hash of random bytes that were thrown away, made with the parameters above.
DUMMY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4"
    "$+afWEPFisH6x1N8CO6qETg$5C2uZzDuhwnnnreG8lf66DP2JsDh5S6q0TbVnQzZPI8"
)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Whether a password is right, and what to store instead when the stored hash is outdated."""

    is_right: bool
    new_hash: str | None = field(default=None, repr=False)


class Passwords:
    """Hashes and verifies. Closed by the composition root that made it."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY_KIBIBYTES, parallelism=LANES
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._under_way = 0
        self.verifications = 0
        """How many verifications were done, dummy ones included."""

    def close(self) -> None:
        """Finish what is under way; nothing can be asked afterwards."""
        self._threads.shutdown()

    async def hash(self, password: str) -> str:
        """The encoded hash to store. Raises RATE_LIMITED when too many are waiting."""
        return await self._in_thread(self._hash, password)

    async def verify(self, stored_hash: str | None, password: str) -> Verification:
        """Compare with the stored hash; without one, take as long and answer no.

        Raises RATE_LIMITED when too many are waiting.
        """
        return await self._in_thread(self._verify, stored_hash, password)

    async def _in_thread(self, work: Callable[..., T], *arguments: str | None) -> T:
        if self._under_way >= MAX_WAITING:
            raise DomainError(
                ErrorCode.RATE_LIMITED,
                "Too many people are logging in at this moment: try again shortly.",
                details={"retryAfterSeconds": 1},
            )
        self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, work, *arguments)
        finally:
            self._under_way -= 1

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_bytes(password))

    def _verify(self, stored_hash: str | None, password: str) -> Verification:
        self.verifications += 1
        try:
            self._hasher.verify(stored_hash or DUMMY_HASH, _bytes(password))
        except (VerificationError, InvalidHashError):
            return Verification(is_right=False)
        if stored_hash is None or len(password) > MAXIMUM_CHARACTERS:
            return Verification(is_right=False)
        if self._hasher.check_needs_rehash(stored_hash):
            return Verification(is_right=True, new_hash=self._hash(password))
        return Verification(is_right=True)


def check_password(password: str, *path: str) -> None:
    """Raises Invalid unless it may become somebody's password."""
    if not MINIMUM_CHARACTERS <= len(password) <= MAXIMUM_CHARACTERS:
        raise Invalid(
            f"A password has {MINIMUM_CHARACTERS} to {MAXIMUM_CHARACTERS} characters.", *path
        )
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in password):
        raise Invalid("A password cannot hold control characters.", *path)


def _bytes(password: str) -> bytes:
    """What is hashed. Lone surrogates cannot be written by anybody, but can be sent."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
