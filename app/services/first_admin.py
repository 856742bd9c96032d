"""`customer-flow create-admin`: an administrator for a database that has none.

Nobody is signed in who could be asked for a right: whoever reaches this holds the database anyway.
What a user may be is judged as in `saveUser`, and the audit trail remembers, without an actor.
"""

from dataclasses import dataclass, field

from sqlalchemy import text

from app.domain.errors import DomainError, ErrorCode
from app.infra.database import Statement, Transaction
from app.policies.roles import Role
from app.services import audit
from app.services.auth.passwords import Passwords
from app.services.seeding import one_at_a_time
from app.services.users import SavedUser, SaveUser, audited, changed, checked, write

ACTION = "createAdmin"
OUTSIDE_ANY_REQUEST = "customer-flow create-admin"

HAS_ADMIN = Statement(
    text("SELECT EXISTS (SELECT FROM users WHERE is_active AND 'ADMIN' = ANY (roles))")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateAdmin:
    """`is_another`: although there is an active administrator. Without a password there is no
    local log-in, only that of an outside issuer.
    """

    email: str = field(repr=False)
    name: str = field(repr=False)
    password: str | None = field(repr=False)
    is_another: bool = False


async def create_admin(tx: Transaction, command: CreateAdmin, *, passwords: Passwords) -> SavedUser:
    """Raises VALIDATION, INVALID_STATE when there is an administrator, or DUPLICATE_CODE."""
    email, name = checked(
        SaveUser(
            email=command.email,
            name=command.name,
            roles=(Role.ADMIN,),
            password=command.password,
        )
    )
    # Before anybody is kept waiting: it takes a tenth of a second on purpose.
    password_hash = None if command.password is None else await passwords.hash(command.password)
    # Of two of these at once, the second finds the administrator that the first made.
    await one_at_a_time(tx)
    if not command.is_another and await tx.fetchval(HAS_ADMIN):
        raise DomainError(
            ErrorCode.INVALID_STATE,
            "There is an active administrator already, who can make more users. "
            "Say --another to make one more here.",
        )
    after = {
        "email": email,
        "name": name,
        "roles": [str(Role.ADMIN)],
        "team_id": None,
        "is_active": True,
        "password_hash": password_hash,
    }
    user_id = await write(tx, None, after)
    await audit.record_by_nobody(
        tx,
        ACTION,
        OUTSIDE_ANY_REQUEST,
        subject=audit.Subject(type="User", id=user_id),
        after=audited(after) | changed(None, after),
    )
    return SavedUser(id=user_id)
