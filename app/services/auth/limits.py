"""How often somebody may try to log in: fixed windows, counted by Redis in one step.

Per e-mail and per address (an IPv6 address counts as its /64). An attempt is counted before it is
judged, so that a thousand at once cannot all pass; one that succeeds is given back, so that only
failures add up. Redis learns keyed hashes, no e-mail and no address. Without Redis nobody can be
counted, so nobody is let in.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.domain.errors import DomainError, ErrorCode
from app.infra.redis import NAMESPACE
from app.services.auth.tokens import derived_key

# For each key: refuse when its limit is reached, and say how long the longest wait is. The refusal
# that comes first in a window is told apart, so that a flood leaves one line and not a million.
TAKE = """
local wait, first = 0, 0
for i, key in ipairs(KEYS) do
    local count = tonumber(redis.call('GET', key) or '0')
    local limit = tonumber(ARGV[2 * i - 1])
    if count >= limit then
        wait = math.max(wait, redis.call('PTTL', key), 1)
        if count == limit then
            redis.call('INCR', key)
            first = 1
        end
    end
end
if wait == 0 then
    for i, key in ipairs(KEYS) do
        if redis.call('INCR', key) == 1 then
            redis.call('PEXPIRE', key, ARGV[2 * i])
        end
    end
end
return {wait, first}
"""
# The first key starts anew, the others get this one attempt back.
GIVE_BACK = """
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do
    if tonumber(redis.call('GET', KEYS[i]) or '0') > 0 then
        redis.call('DECR', KEYS[i])
    end
end
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """So many failed attempts in a window that starts with the first."""

    attempts: int
    window_seconds: int


PER_EMAIL = Limit(attempts=10, window_seconds=15 * 60)
PER_ADDRESS = Limit(attempts=100, window_seconds=15 * 60)


class TooManyAttempts(DomainError):
    """Refused without looking at the password. `is_first` in its window."""

    def __init__(self, wait_ms: int, *, is_first: bool) -> None:
        seconds = -(-wait_ms // 1000)
        super().__init__(
            ErrorCode.RATE_LIMITED,
            "Too many attempts to log in: wait before you try again.",
            details={"retryAfterSeconds": seconds},
        )
        self.is_first = is_first


class LogInLimits:
    """Counts attempts. `per_email` and `per_address` are the product's unless given."""

    def __init__(
        self,
        redis: Redis,
        secret_key: str,
        *,
        per_email: Limit = PER_EMAIL,
        per_address: Limit = PER_ADDRESS,
    ) -> None:
        self._redis = redis
        self._key = derived_key(secret_key, "log-in limits")
        self._limits = (per_email, per_address)
        self._take = redis.register_script(TAKE)
        self._give_back = redis.register_script(GIVE_BACK)

    async def admit(self, email: str, address: str | None) -> None:
        """Count an attempt. Raises TooManyAttempts, or INVALID_STATE when Redis does not answer."""
        keys = self._keys(email, address)
        limits = self._limits[: len(keys)]
        arguments = [n for each in limits for n in (each.attempts, each.window_seconds * 1000)]
        try:
            wait_ms, first = await self._take(keys=keys, args=arguments)
        except (RedisError, OSError) as error:
            log.error("log-ins are refused: Redis does not answer", reason=type(error).__name__)  # noqa: TRY400 - the reason is all of it
            raise DomainError(
                ErrorCode.INVALID_STATE,
                "Nobody can log in at this moment: try again shortly.",
            ) from error
        if wait_ms:
            raise TooManyAttempts(wait_ms, is_first=bool(first))

    async def give_back(self, email: str, address: str | None) -> None:
        """The attempt succeeded: it does not count. A lost call only leaves it counted."""
        try:
            await self._give_back(keys=self._keys(email, address))
        except (RedisError, OSError) as error:
            log.warning("a log-in stays counted", reason=type(error).__name__)

    def _keys(self, email: str, address: str | None) -> Sequence[str]:
        """The counters; one slot of a cluster holds them all, since one script changes them."""
        named = [f"email:{_as_found(email)}"]
        if address is not None:
            named.append(f"address:{_network(address)}")
        return [f"{NAMESPACE}:{{login}}:{self._hashed(each)}" for each in named]

    def _hashed(self, name: str) -> str:
        raw = name.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, raw, sha256).hexdigest()[:32]


def _as_found(email: str) -> str:
    """One text for all spellings that PostgreSQL's `lower` finds the same user by.

    Character by character, as it does: Python's own makes two of a dotted capital I.
    """
    return "".join(each.lower()[:1] for each in email.strip())


def _network(address: str) -> str:
    """What one caller can take addresses from: a single IPv4 address, or an IPv6 /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), 64), strict=False))
