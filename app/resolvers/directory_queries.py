"""Root fields about products, users and teams."""

import strawberry
from strawberry import UNSET

from app.models import products, teams
from app.resolvers.planned import planned_root
from app.schema.types.declaration import Connected, Lookup, Many
from app.schema.types.node import Connection
from app.schema.types.people import Team, User
from app.schema.types.product import Product
from app.schema.types.scalars import Cursor
from app.schema.types.sql import everything


@strawberry.type
class DirectoryQueries:
    """What is sold, and by whom."""

    @planned_root(Lookup(by={"sku": products.c.sku}))
    def product(self, sku: str) -> Product | None:
        """One product."""

    @planned_root(Connected())
    def products(
        self, first: int | None = UNSET, after: Cursor | None = UNSET
    ) -> Connection[Product]:
        """Every product."""

    @planned_root(Connected())
    def users(self, first: int | None = UNSET, after: Cursor | None = UNSET) -> Connection[User]:
        """Users that you may see."""

    @planned_root(Many(link=everything, order=(teams.c.name,)))
    def teams(self) -> list[Team]:
        """Teams that you may see, by name."""
