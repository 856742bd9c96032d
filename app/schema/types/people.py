"""Users and teams."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

from app.models import teams, users
from app.policies.roles import Role
from app.schema.types.declaration import (
    Connected,
    Kind,
    One,
    Owner,
    Source,
    declare,
    leaf,
    planned,
    planned_type,
)
from app.schema.types.masks import email as masked_email
from app.schema.types.node import Connection, Node
from app.schema.types.scalars import Cursor

if TYPE_CHECKING:
    from app.schema.types.customer import Customer  # noqa: F401 - named in lazy annotations


@strawberry.type(description="Somebody who signs in.")
@planned_type(Source(table=users, owner=Owner.USER, key=(users.c.id,)))
class User(Node):
    """A row of `users`."""

    email: str | None = leaf(users.c.email, guard="user.contact", mask=masked_email)
    name: str = leaf(users.c.name)
    roles: list[Role] | None = leaf(users.c.roles, Kind.LIST, guard="user.rights")
    team: Annotated["Team", strawberry.lazy("app.schema.types.people")] | None = declare(
        One(
            link=lambda user, team: team[teams.c.id] == user[users.c.team_id],
            guard="user.rights",
        )
    )
    is_active: bool = leaf(users.c.is_active, Kind.BOOLEAN)
    version: int = leaf(users.c.version, Kind.NUMBER)


@strawberry.type(description="A sales team and its manager.")
@planned_type(Source(table=teams, owner=Owner.TEAM, key=(teams.c.id,)))
class Team(Node):
    """A row of `teams`."""

    name: str = leaf(teams.c.name)
    version: int = leaf(teams.c.version, Kind.NUMBER)
    manager: User | None = declare(
        One(link=lambda team, user: user[users.c.id] == team[teams.c.manager_id])
    )

    @planned(Connected(link=lambda team, user: user[users.c.team_id] == team[teams.c.id]))
    def members(self, first: int | None = UNSET, after: Cursor | None = UNSET) -> Connection[User]:
        """The users of this team."""
