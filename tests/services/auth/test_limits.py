"""How attempts to log in are counted."""

import asyncio

from redis.asyncio import Redis

from app.domain.errors import ErrorCode
from app.services.auth.limits import Limit, LogInLimits
from tests.services.auth.people import SECRET, refusal


async def test_attempts_at_once_are_counted_before_they_are_judged(redis: Redis) -> None:
    limits = LogInLimits(redis, SECRET, per_email=Limit(attempts=5, window_seconds=60))
    asked = [limits.admit("ada@demo.example", None) for _ in range(40)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers.count(None) == 5


async def test_an_ipv6_network_is_one_caller(redis: Redis) -> None:
    limits = LogInLimits(redis, SECRET, per_address=Limit(attempts=1, window_seconds=60))
    await limits.admit("a", "2001:db8::1")
    assert (await refusal(limits.admit("b", "2001:db8::2:3"))).code == ErrorCode.RATE_LIMITED
    await limits.admit("c", "2001:db8:0:1::1")
    await limits.admit("d", "::ffff:192.0.2.1")
    assert (await refusal(limits.admit("e", "192.0.2.1"))).code == ErrorCode.RATE_LIMITED


async def test_the_window_ends(redis: Redis) -> None:
    limits = LogInLimits(redis, SECRET, per_email=Limit(attempts=1, window_seconds=1))
    await limits.admit("a", None)
    await refusal(limits.admit("a", None))
    [key] = await redis.keys("*")
    assert 0 < await redis.pttl(key) <= 1000
    await redis.delete(key)
    await limits.admit("a", None)


async def test_redis_learns_no_email_and_no_address(redis: Redis) -> None:
    await LogInLimits(redis, SECRET).admit("ada@demo.example", "192.0.2.7")
    keys = " ".join(await redis.keys("*"))
    assert "ada" not in keys
    assert "192.0.2.7" not in keys
    assert keys.count("customer-flow:{login}:") == 2


async def test_no_spelling_of_an_email_is_counted_apart(redis: Redis) -> None:
    """PostgreSQL's `lower` makes one plain letter of each of these."""
    limits = LogInLimits(redis, SECRET, per_email=Limit(attempts=1, window_seconds=60))
    await limits.admit("mike@demo.example", None)
    for spelling in ("MIKE@demo.example", "m\u0130ke@demo.example", "mi\u212ae@demo.example"):
        assert (await refusal(limits.admit(spelling, None))).code == ErrorCode.RATE_LIMITED
