"""`customer-flow token`: a bearer token for whoever holds the database and SECRET_KEY anyway."""

from sqlalchemy import text

from app.domain.errors import DomainError, ErrorCode
from app.infra.database import Database, Statement, Transaction
from app.services.auth import attempts
from app.services.auth.tokens import AccessToken, AccessTokens

OUTSIDE_ANY_REQUEST = "customer-flow token"

FIND = Statement(
    text("""
    SELECT id, is_active, access_version FROM users
    WHERE lower(email) = lower(CAST(:email AS text))
    """)
)


async def token_for(database: Database, tokens: AccessTokens, email: str) -> AccessToken:
    """A token for this active user, which the audit trail remembers. NOT_FOUND or INVALID_STATE."""

    async def work(tx: Transaction) -> AccessToken:
        user = await tx.fetchrow(FIND, email=email)
        if user is None:
            raise DomainError(ErrorCode.NOT_FOUND, f"There is no user with the e-mail {email}.")
        if not user["is_active"]:
            raise DomainError(ErrorCode.INVALID_STATE, f"The user {email} is suspended.")
        await attempts.record_token_made(tx, user["id"], OUTSIDE_ANY_REQUEST)
        return tokens.issue(user["id"], user["access_version"])

    return await database.run(work)
