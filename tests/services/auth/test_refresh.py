"""Refresh tokens: good once, and a second use ends the log-in for everybody who holds it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.errors import DomainError, ErrorCode
from app.services.auth import refresh_tokens
from app.services.auth.authentication import Authentication
from app.services.auth.login import LocalLogIn, LogIn, Refresh, SignedIn, login, refresh
from tests.services.auth.people import PASSWORD, People


async def signed_in(local: LocalLogIn, people: People) -> tuple[UUID, SignedIn]:
    user_id, email = await people.user(password=PASSWORD)
    return user_id, await login(local, LogIn(email=email, password=PASSWORD, request_id="in"))


async def renewed(local: LocalLogIn, token: str, request_id: str = "-") -> SignedIn:
    return await refresh(local, Refresh(refresh_token=token, request_id=request_id))


async def refused(local: LocalLogIn, token: str, request_id: str = "-") -> None:
    with pytest.raises(DomainError) as error:
        await renewed(local, token, request_id)
    assert error.value.code == ErrorCode.FORBIDDEN
    assert error.value.path == ("refreshToken",)


async def test_each_token_is_traded_for_the_next(
    local: LocalLogIn, people: People, authentication: Authentication
) -> None:
    user_id, first = await signed_in(local, people)
    second = await renewed(local, first.refresh_token, "again")
    third = await renewed(local, second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert (await authentication.actor(third.access_token, "-")).user_id == user_id
    assert await people.audit(user_id, "again") == [("refreshToken", "DONE", None, user_id)]


async def test_only_hashes_are_kept(local: LocalLogIn, people: People) -> None:
    user_id, first = await signed_in(local, people)
    kept = await people.database.write_pool.fetchval(
        "SELECT token_hash FROM refresh_tokens WHERE user_id = $1", user_id
    )
    assert kept == refresh_tokens.hash_of(first.refresh_token)
    assert first.refresh_token.encode() not in kept


async def test_a_second_use_revokes_the_whole_family_and_stays_revoked(
    local: LocalLogIn, people: People
) -> None:
    user_id, first = await signed_in(local, people)
    other = await login(
        local, LogIn(email=(await people.row(user_id))["email"], password=PASSWORD, request_id="2")
    )
    second = await renewed(local, first.refresh_token)
    await refused(local, first.refresh_token, "stolen")
    await refused(local, second.refresh_token, "victim")
    reused = ("refreshToken", "REFUSED", "REUSED_TOKEN", None)
    assert await people.audit(user_id, "stolen") == [reused]
    assert await people.audit(user_id, "victim") == []
    await renewed(local, other.refresh_token)


async def test_of_many_who_use_one_token_at_once_one_wins_and_then_nobody(
    local: LocalLogIn, people: People
) -> None:
    user_id, first = await signed_in(local, people)
    asked = [renewed(local, first.refresh_token) for _ in range(8)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    winners = [each for each in answers if isinstance(each, SignedIn)]
    assert len(winners) == 1
    await refused(local, winners[0].refresh_token)
    alive = await people.database.write_pool.fetchval(
        "SELECT count(*) FROM refresh_tokens WHERE user_id = $1 AND revoked_at IS NULL", user_id
    )
    assert alive == 0


async def test_reuse_against_rotation_of_the_newest_leaves_nothing_alive(
    local: LocalLogIn, people: People
) -> None:
    for _ in range(10):
        user_id, first = await signed_in(local, people)
        second = await renewed(local, first.refresh_token)
        await asyncio.gather(
            renewed(local, second.refresh_token),
            renewed(local, first.refresh_token),
            return_exceptions=True,
        )
        alive = await people.database.write_pool.fetchval(
            "SELECT count(*) FROM refresh_tokens WHERE user_id = $1 AND revoked_at IS NULL",
            user_id,
        )
        assert alive == 0


async def test_an_expired_token_is_refused(local: LocalLogIn, people: People) -> None:
    local = replace(local, refresh_lifetime=timedelta(0))
    _, first = await signed_in(local, people)
    await refused(local, first.refresh_token)


async def test_a_suspended_user_gets_no_new_token(local: LocalLogIn, people: People) -> None:
    user_id, first = await signed_in(local, people)
    await people.suspend(user_id)
    await refused(local, first.refresh_token, "late")
    assert await people.audit(user_id, "late") == [
        ("refreshToken", "REFUSED", "INACTIVE_USER", None)
    ]


@pytest.mark.parametrize(
    "token", ["", "x", "é" * 43, "\0" * 43, "A" * 43, "A" * 44, "A" * 1_000_000, str(UUID(int=1))]
)
async def test_what_was_never_issued_is_refused(local: LocalLogIn, token: str) -> None:
    await refused(local, token, f"never {token[:3]!r}")


async def test_with_an_outside_issuer_there_is_no_refresh() -> None:
    with pytest.raises(DomainError) as error:
        await refresh(None, Refresh(refresh_token="x", request_id="-"))
    assert error.value.code == ErrorCode.INVALID_STATE
