"""Logging in, staying logged in and logging out: the only mutations that need no token."""

from datetime import datetime

import strawberry
from strawberry.types import Info

from app.domain.errors import DomainError, Invalid
from app.resolvers.context import Context
from app.resolvers.edge import text_or_none, user_error
from app.resolvers.viewer import Viewer
from app.schema.types import inputs
from app.schema.types.payloads import UserError
from app.services.auth.login import LogIn, Refresh, SignedIn, login, refresh
from app.services.auth.logout import LogOut, log_out


@strawberry.type
class LoginPayload:
    """A short-lived access token and a refresh token that is good once."""

    access_token: str | None
    refresh_token: str | None
    expires_at: datetime | None
    viewer: Viewer | None
    user_errors: list[UserError]


@strawberry.type
class LogoutPayload:
    """Nothing but why not, if so."""

    user_errors: list[UserError]


@strawberry.type
class SessionMutations:
    """Log-ins."""

    @strawberry.mutation
    async def login(
        self,
        info: Info[Context, None],
        input: inputs.LoginInput,  # noqa: A002 - the contract's name
    ) -> LoginPayload:
        """Log in with e-mail and password."""
        context = info.context
        command = LogIn(
            email=input.email,
            password=input.password,
            address=context.address,
            request_id=context.request_id,
        )
        try:
            signed_in = await login(context.program.local_login, command)
        except DomainError as error:
            return _refused(error)
        return _signed_in(context, signed_in)

    @strawberry.mutation
    async def refresh_token(
        self,
        info: Info[Context, None],
        input: inputs.RefreshInput,  # noqa: A002 - the contract's name
    ) -> LoginPayload:
        """Trade a refresh token for the next pair of tokens."""
        context = info.context
        command = Refresh(refresh_token=input.refresh_token, request_id=context.request_id)
        try:
            signed_in = await refresh(context.program.local_login, command)
        except DomainError as error:
            return _refused(error)
        return _signed_in(context, signed_in)

    @strawberry.mutation
    async def logout(
        self,
        info: Info[Context, None],
        input: inputs.LogoutInput,  # noqa: A002 - the contract's name
    ) -> LogoutPayload:
        """End one log-in, or all of the user's; every access token is refused from then on."""
        context = info.context
        command = LogOut(
            refresh_token=text_or_none(input.refresh_token),
            everywhere=bool(text_or_none(input.everywhere)),
            request_id=context.request_id,
        )
        try:
            if text_or_none(input.session) is not None:
                raise Invalid("Log-ins have no ids yet: give the refresh token.", "session")
            await log_out(context.program.local_login, context.actor, command)
        except DomainError as error:
            return LogoutPayload(user_errors=[user_error(error)])
        return LogoutPayload(user_errors=[])


def _signed_in(context: Context, signed_in: SignedIn) -> LoginPayload:
    # From here on this request is the new viewer's: `viewer { user }` is planned for them.
    context.actor = signed_in.actor
    return LoginPayload(
        access_token=signed_in.access_token,
        refresh_token=signed_in.refresh_token,
        expires_at=signed_in.expires_at,
        viewer=Viewer(),
        user_errors=[],
    )


def _refused(error: DomainError) -> LoginPayload:
    return LoginPayload(
        access_token=None,
        refresh_token=None,
        expires_at=None,
        viewer=None,
        user_errors=[user_error(error)],
    )
