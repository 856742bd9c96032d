"""Relay's root fields."""

import strawberry

from app.resolvers.planned import planned_root
from app.schema.types.declaration import NodeLookup
from app.schema.types.node import Node


@strawberry.type
class NodeQueries:
    """Anything by its id."""

    @planned_root(NodeLookup())
    def node(self, id: strawberry.ID) -> Node | None:  # noqa: A002 - the contract's name
        """The object with this id; null when there is none, or none that you may see."""

    @planned_root(NodeLookup(plural=True))
    def nodes(self, ids: list[strawberry.ID]) -> list[Node | None]:
        """The objects with these ids, in the order asked for."""
