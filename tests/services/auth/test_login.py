"""Logging in: the same answer and the same work, whatever is wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from redis.asyncio import Redis

from app.domain.errors import DomainError, ErrorCode
from app.infra.redis import open_redis
from app.services.auth import passwords as passwords_module
from app.services.auth.authentication import Authentication
from app.services.auth.limits import Limit, LogInLimits
from app.services.auth.login import LocalLogIn, LogIn, login
from app.services.auth.passwords import Passwords
from tests.services.auth.people import PASSWORD, SECRET, People, refusal


def attempt(email: str, password: str = PASSWORD, **more: str) -> LogIn:
    return LogIn(email=email, password=password, request_id=f"request {uuid4()}", **more)


async def test_the_right_password_signs_in(
    local: LocalLogIn, people: People, authentication: Authentication
) -> None:
    user_id, email = await people.user(password=PASSWORD)
    command = attempt(email.upper())
    signed_in = await login(local, command)
    assert signed_in.actor.user_id == user_id
    assert signed_in.actor.request_id == command.request_id
    actor = await authentication.actor(signed_in.access_token, "later")
    assert (actor.user_id, actor.request_id) == (user_id, "later")
    assert await people.audit(user_id, command.request_id) == [("login", "DONE", None, user_id)]
    for secret in (signed_in.access_token, signed_in.refresh_token):
        assert secret not in repr(signed_in)


Wrong = Callable[[People], Awaitable[tuple[str, str, str]]]


async def wrong_password(people: People) -> tuple[str, str, str]:
    return (await people.user(password=PASSWORD))[1], "something else", "WRONG_PASSWORD"


async def suspended(people: People) -> tuple[str, str, str]:
    _, email = await people.user(password=PASSWORD, is_active=False)
    return email, PASSWORD, "INACTIVE_USER"


async def without_password(people: People) -> tuple[str, str, str]:
    return (await people.user())[1], PASSWORD, "WRONG_PASSWORD"


async def unknown(_: People) -> tuple[str, str, str]:
    return f"{uuid4()}@nowhere.example", PASSWORD, "UNKNOWN_USER"


async def not_storable(_: People) -> tuple[str, str, str]:
    return "nul\0@demo.example", PASSWORD, "UNKNOWN_USER"


async def endless(_: People) -> tuple[str, str, str]:
    return "x" * 1_000_000, "y" * 1_000_000, "UNKNOWN_USER"


async def surrogates(people: People) -> tuple[str, str, str]:
    return (await people.user(password=PASSWORD))[1], "\ud800" * 20, "WRONG_PASSWORD"


async def nobody_at_all(_: People) -> tuple[str, str, str]:
    return "", "", "UNKNOWN_USER"


@pytest.mark.parametrize(
    "wrong",
    [
        wrong_password,
        suspended,
        without_password,
        unknown,
        not_storable,
        endless,
        surrogates,
        nobody_at_all,
    ],
)
async def test_whatever_is_wrong_looks_and_works_the_same(
    local: LocalLogIn, people: People, wrong: Wrong
) -> None:
    email, password, reason = await wrong(people)
    command = attempt(email, password)
    before = local.passwords.verifications
    error = await refusal(login(local, command))
    assert local.passwords.verifications == before + 1
    assert (error.code, error.message) == (ErrorCode.FORBIDDEN, "E-mail or password is wrong.")
    assert (error.path, error.details) == ((), None)
    subject = people.made[-1] if people.made else None
    assert await people.audit(subject, command.request_id) == [("login", "REFUSED", reason, None)]


async def test_the_hash_that_nothing_matches_costs_as_much_as_a_new_one() -> None:
    hasher = PasswordHasher(
        time_cost=passwords_module.PASSES,
        memory_cost=passwords_module.MEMORY_KIBIBYTES,
        parallelism=passwords_module.LANES,
    )
    assert not hasher.check_needs_rehash(passwords_module.DUMMY_HASH)


async def test_a_hash_of_older_parameters_is_replaced(local: LocalLogIn, people: People) -> None:
    user_id, email = await people.user(password=PASSWORD)
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    await people.database.write_pool.execute(
        "UPDATE users SET password_hash = $1 WHERE id = $2", weak, user_id
    )
    signed_in = await login(local, attempt(email))
    stored = (await people.row(user_id))["password_hash"]
    assert "m=65536,t=3,p=4" in stored
    assert signed_in.actor.access_version == (await people.row(user_id))["access_version"]
    await Authentication(local.tokens, local.viewers).actor_now(signed_in.access_token, "now")
    await login(local, attempt(email))
    assert (await people.row(user_id))["password_hash"] == stored


async def test_one_password_is_one_whatever_keyboard_typed_it(
    local: LocalLogIn, people: People
) -> None:
    _, email = await people.user(password="Zürich is a long word")
    await login(local, attempt(email, "Zu\u0308rich is a long word"))


async def test_failures_of_one_email_are_counted_and_then_refused(
    local: LocalLogIn, people: People, redis: Redis
) -> None:
    limits = LogInLimits(redis, SECRET, per_email=Limit(attempts=3, window_seconds=60))
    local = replace(local, limits=limits)
    user_id, email = await people.user(password=PASSWORD)
    for _ in range(3):
        assert (await refusal(login(local, attempt(email, "wrong")))).code == ErrorCode.FORBIDDEN
    before = local.passwords.verifications
    first, second = attempt(email.upper()), attempt(f" {email} ")
    for command in (first, second):
        error = await refusal(login(local, command))
        assert error.code == ErrorCode.RATE_LIMITED
        assert error.details is not None
        assert 0 < error.details["retryAfterSeconds"] <= 60
    assert local.passwords.verifications == before
    limited = ("login", "REFUSED", "TOO_MANY_ATTEMPTS", None)
    assert await people.audit(user_id, first.request_id) == [limited]
    assert await people.audit(user_id, second.request_id) == []
    _, other = await people.user(password=PASSWORD)
    await login(local, attempt(other))


async def test_success_counts_for_nothing_and_clears_the_email(
    local: LocalLogIn, people: People, redis: Redis
) -> None:
    limits = LogInLimits(
        redis,
        SECRET,
        per_email=Limit(attempts=3, window_seconds=60),
        per_address=Limit(attempts=3, window_seconds=60),
    )
    local = replace(local, limits=limits)
    _, email = await people.user(password=PASSWORD)
    await refusal(login(local, attempt(email, "wrong", address="10.0.0.1")))
    for _ in range(4):
        await login(local, attempt(email, address="10.0.0.1"))
    for _ in range(2):
        await refusal(login(local, attempt(f"{uuid4()}@x.example", address="10.0.0.1")))
    error = await refusal(login(local, attempt(email, address="10.0.0.1")))
    assert error.code == ErrorCode.RATE_LIMITED
    await login(local, attempt(email, address="10.0.0.2"))


async def test_without_redis_nobody_is_let_in(local: LocalLogIn, people: People) -> None:
    _, email = await people.user(password=PASSWORD)
    async with open_redis("unix:///nowhere/redis.sock") as gone:
        local = replace(local, limits=LogInLimits(gone, SECRET))
        error = await refusal(login(local, attempt(email)))
    assert error.code == ErrorCode.INVALID_STATE


async def test_a_policy_can_keep_one_person_out(local: LocalLogIn, people: People) -> None:
    user_id, email = await people.user(password=PASSWORD)
    await people.database.write_pool.execute(
        """
        INSERT INTO policy_rules (subject, object, action, scope, effect)
        VALUES ($1, 'Mutation.login', 'execute', 'ALL', 'DENY')
        """,
        f"user:{user_id}",
    )
    command = attempt(email)
    assert (await refusal(login(local, command))).code == ErrorCode.FORBIDDEN
    assert await people.audit(user_id, command.request_id) == [
        ("login", "REFUSED", "NOT_ALLOWED", None)
    ]


async def test_with_an_outside_issuer_there_is_no_log_in() -> None:
    assert (await refusal(login(None, attempt("a")))).code == ErrorCode.INVALID_STATE


async def test_a_crowd_is_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords_module, "MAX_WAITING", 2)
    crowded = Passwords()
    asked = [crowded.verify(None, "x") for _ in range(4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    crowded.close()
    refused = [each for each in answers if isinstance(each, DomainError)]
    assert [each.code for each in refused] == [ErrorCode.RATE_LIMITED] * 2


async def test_commands_do_not_show_what_they_carry() -> None:
    carried = ("lovelace@demo.example", "analytical engine", "192.0.2.7")
    command = attempt(*carried[:2], address=carried[2])
    # Short words will not do: a representation may hold hexadecimal addresses.
    assert all(each not in repr(command) for each in carried)


async def test_the_password_of_demo_log_ins_opens_something_at_home_only(
    local: LocalLogIn, people: People
) -> None:
    _, email = await people.user(password="demo")
    command = LogIn(email=email, password="demo", request_id="demo")
    assert (await refusal(login(local, command))).code == ErrorCode.FORBIDDEN
    assert await login(replace(local, takes_demo_password=True), command)
