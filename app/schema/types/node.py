"""Relay's shapes: nodes, edges, pages."""

from typing import Generic, TypeVar

import strawberry

from app.schema.types.declaration import GlobalIdLeaf, declare
from app.schema.types.scalars import Cursor

MAX_PAGE = 1000
DEFAULT_PAGE = 50


@strawberry.interface
class Node:
    """Anything that can be fetched again by its id."""

    id: strawberry.ID = declare(GlobalIdLeaf())


@strawberry.type
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: Cursor | None
    end_cursor: Cursor | None


NodeType = TypeVar("NodeType")


@strawberry.type
class Edge(Generic[NodeType]):
    """A row and its position."""

    cursor: Cursor
    node: NodeType


@strawberry.type
class Connection(Generic[NodeType]):
    """One page of a list. `totalCount` is computed only when it is selected."""

    edges: list[Edge[NodeType]]
    nodes: list[NodeType]
    page_info: PageInfo
    total_count: int
