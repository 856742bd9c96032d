"""Who works at the demo company: one log-in per role, and two sales teams."""

from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from uuid import UUID

from sqlalchemy import select

from app.infra.database import Statement, Transaction
from app.models import policy_state
from app.policies.actor import Actor
from app.policies.compile import compile_grant
from app.policies.policy import shipped_policy
from app.policies.roles import Role
from app.services.auth.passwords import Passwords
from app.services.seeding import SeededUser, seed_hashed_user, seed_manager, seed_team

PASSWORD = "demo"  # noqa: S105 - printed at every start: good at home only, where it is let in
DOMAIN = "demo.example"
_REQUEST_ID = "demo data"

_STAFF: tuple[tuple[str, str, tuple[Role, ...], str | None], ...] = (
    ("admin", "Avery Admin", (Role.ADMIN,), None),
    ("controller", "Cora Controller", (Role.CONTROLLER,), None),
    ("accountant", "Ace Accountant", (Role.ACCOUNTANT,), None),
    ("credit_manager", "Cree Credit", (Role.CREDIT_MANAGER,), None),
    ("sales_manager", "Sal Manager", (Role.SALES_MANAGER,), "North"),
    ("sales_rep", "Rae Rep", (Role.SALES_REP,), "North"),
    ("sales_rep2", "Robin Rep", (Role.SALES_REP,), "North"),
    ("sales_manager2", "Sue Manager", (Role.SALES_MANAGER,), "South"),
    ("sales_rep3", "Remy Rep", (Role.SALES_REP,), "South"),
    ("support", "Sam Support", (Role.SUPPORT,), None),
    ("auditor", "Audra Auditor", (Role.AUDITOR,), None),
    ("integrator", "Web Shop", (Role.INTEGRATOR,), None),
    # Who imports: opening years is for controllers, creating customers for accountants, and what
    # limit they begin with for credit managers.
    ("import", "Data Import", (Role.CONTROLLER, Role.ACCOUNTANT, Role.CREDIT_MANAGER), None),
)
_MANAGED_BY = {"North": "sales_manager", "South": "sales_manager2"}
_PORTAL = "customer"
REPRESENTATIVES = ("sales_rep", "sales_rep2", "sales_rep3")


@dataclass(frozen=True, kw_only=True)
class Company:
    """The staff that was hired: ids by log-in name, and hashes of passwords by the same."""

    users: dict[str, UUID]
    password_hashes: Mapping[str, str]
    policy_version: int

    def actor(self, name: str) -> Actor:
        """This member of the staff, under the shipped policy: what is done is theirs to do."""
        roles = next(roles for login, _, roles, _ in _STAFF if login == name)
        policy = shipped_policy(self.policy_version)
        return Actor(
            user_id=self.users[name],
            roles=roles,
            grant=compile_grant(policy, user_id=self.users[name], roles=roles),
            customer_id=None,
            team_id=None,
            access_version=1,
            request_id=_REQUEST_ID,
        )


def passwords_of_their_own() -> dict[str, str]:
    """Another password for each log-in, that nobody can guess."""
    return {login: token_urlsafe(12) for login in (*(each[0] for each in _STAFF), _PORTAL)}


def rows(passwords: Mapping[str, str]) -> list[tuple[str, str]]:
    """E-mails and passwords, to be shown."""
    return [(f"{login}@{DOMAIN}", password) for login, password in passwords.items()]


async def hire(tx: Transaction, given: Mapping[str, str] | None) -> Company:
    """Teams and staff, with the passwords given, by log-in; else everybody shares one.

    They then share its hash, too: hashing a dozen times would cost a second.
    """
    passwords = Passwords()
    try:
        if given is None:
            shared = await passwords.hash(PASSWORD)
            hashes = dict.fromkeys((*(each[0] for each in _STAFF), _PORTAL), shared)
        else:
            hashes = {login: await passwords.hash(each) for login, each in given.items()}
    finally:
        passwords.close()
    teams = {name: await seed_team(tx, name) for name in _MANAGED_BY}
    users = {}
    for login, name, roles, team in _STAFF:
        users[login] = await seed_hashed_user(
            tx,
            SeededUser(
                email=f"{login}@{DOMAIN}",
                name=name,
                roles=roles,
                team_id=teams[team] if team else None,
            ),
            hashes[login],
        )
    for team, manager in _MANAGED_BY.items():
        await seed_manager(tx, teams[team], users[manager])
    return Company(
        users=users,
        password_hashes=hashes,
        policy_version=await tx.fetchval(_POLICY_VERSION),
    )


async def open_portal(tx: Transaction, company: Company, customer_id: UUID) -> None:
    """The log-in of a customer, to the portal."""
    await seed_hashed_user(
        tx,
        SeededUser(
            email=f"{_PORTAL}@{DOMAIN}",
            name="Portal Customer",
            roles=(Role.CUSTOMER,),
            customer_id=customer_id,
        ),
        company.password_hashes[_PORTAL],
    )


_POLICY_VERSION = Statement(select(policy_state.c.version))
