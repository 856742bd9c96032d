"""Who imports: the user that was named, or the first controller who may do all that is needed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from app.infra.database import Database, Statement
from app.policies.actor import Actor
from app.services.auth.viewers import Viewers
from app.services.importing.mapping import ImportMapping
from app.services.importing.refusals import ImportRefused

_ASKED_AT_MOST = 100


async def importer(database: Database, mapping: ImportMapping, email: str | None) -> Actor:
    """The user with this e-mail, else the mapping's, else a controller. ImportRefused for none.

    Whoever is named needs the rights to post; those to make customers and to open fiscal years are
    asked for where something has to be made.
    """
    viewers, named = Viewers(database), email or mapping.user
    async with database.transaction() as tx:
        if named is not None:
            rows = await tx.fetch(_BY_EMAIL, email=named)
        else:
            rows = await tx.fetch(_CONTROLLERS, at_most=_ASKED_AT_MOST)
    needed = _rights_to_post(mapping)
    if named is None:
        needed = [*needed, *_rights_to_make(mapping)]
    return await _first_who_may(viewers, [row["id"] for row in rows], needed, named)


async def _first_who_may(
    viewers: Viewers, user_ids: Sequence[UUID], needed: Sequence[str], named: str | None
) -> Actor:
    for user_id in user_ids:
        actor = await viewers.refresh(user_id)
        if actor is None:
            continue
        lacking = [right for right in needed if not actor.grant.may_execute(right)]
        if not lacking:
            return actor
        if named is not None:
            raise ImportRefused(f"{named} may not use {', '.join(map(_named, lacking))}.")
    if named is not None:
        raise ImportRefused(f"There is no active user {named}.")
    raise ImportRefused(
        f"No active controller may use all of {', '.join(map(_named, needed))}: name a user by "
        "--as. Someone with the roles CONTROLLER and ACCOUNTANT may do all that an import needs, "
        "and with CREDIT_MANAGER bring credit limits, too."
    )


def _rights_to_post(mapping: ImportMapping) -> list[str]:
    rights = ["Mutation.postEntries"] if mapping.has_entries else []
    if mapping.invoice:
        rights.append("Mutation.postInvoice")
    if mapping.settlement or mapping.payment:
        rights.append("Mutation.recordPayment")
    return rights


def _rights_to_make(mapping: ImportMapping) -> list[str]:
    rights = ["Mutation.createCustomer"] if mapping.customer else []
    if "credit_limit" in mapping.customer:
        rights.append("CreateCustomerInput.creditLimit")
    return [*rights, "Mutation.createFiscalYear"] if mapping.fiscal_years else rights


def _named(right: str) -> str:
    return right.removeprefix("Mutation.")


_BY_EMAIL = Statement(
    text("SELECT id FROM users WHERE lower(email) = lower(CAST(:email AS text)) AND is_active")
)
_CONTROLLERS = Statement(
    text("""
    SELECT id FROM users WHERE is_active AND 'CONTROLLER' = ANY(roles)
    ORDER BY id LIMIT CAST(:at_most AS integer)
    """)
)
