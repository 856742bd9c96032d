"""Logging out: of one log-in, or of all of a user's."""

from dataclasses import dataclass, field

from app.domain.errors import Invalid
from app.infra.database import Transaction
from app.policies.actor import Actor
from app.services.auth import attempts, refresh_tokens
from app.services.auth.login import LocalLogIn, here


@dataclass(frozen=True, kw_only=True, slots=True)
class LogOut:
    """By a refresh token, which proves itself, or by whoever is signed in: everywhere."""

    refresh_token: str | None = field(default=None, repr=False)
    everywhere: bool = False
    request_id: str


async def log_out(local: LocalLogIn | None, actor: Actor | None, command: LogOut) -> None:
    """Every access token of the user is refused from now on, in every process.

    A token that is good for nothing any more ends nothing and is no error: whoever has it is out.
    Raises VALIDATION when nothing says which log-in, INVALID_STATE with an outside issuer.
    """
    local = here(local)
    token = command.refresh_token
    if token is None and not (command.everywhere and actor is not None):
        raise Invalid(
            "Give the refresh token of the log-in to end, or be signed in and end all: everywhere.",
            "refreshToken",
        )

    async def work(tx: Transaction) -> None:
        if token is not None:
            user_id = await refresh_tokens.end_session(tx, token, everywhere=command.everywhere)
        else:
            assert actor is not None
            user_id = actor.user_id
            await refresh_tokens.end_everything(tx, user_id)
        if user_id is not None:
            await attempts.record_success(tx, attempts.LOG_OUT, user_id, command.request_id)

    await local.database.run(work)
