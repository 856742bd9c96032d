"""Planned root fields, for operations that also have a root field which is not planned."""

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

import strawberry
from strawberry.types import Info

from app.resolvers.context import Context
from app.resolvers.reading import Reader
from app.schema.types.declaration import PLANNED, Declaration

F = TypeVar("F", bound=Callable[..., Any])


def planned_root(declaration: Declaration) -> Callable[[F], Any]:
    """Declare a root field: its function is its signature, the planner answers it.

    An operation whose root fields are all planned never gets here: it is one statement as a whole.
    """

    def declare(signature: F) -> Any:
        async def answer(_root: object, info: Info[Context, None], **_arguments: object) -> Any:
            return await Reader(info.context).field(info)

        update_wrapper(answer, signature)
        # Strawberry hands over what the signature names, and `info` only if it is among that.
        declared = inspect.signature(signature)
        _self, *arguments = declared.parameters.values()
        info = inspect.Parameter(
            "info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Info[Context, None]
        )
        answer.__signature__ = declared.replace(parameters=[_self, info, *arguments])  # type: ignore[attr-defined] # PEP 362
        answer.__annotations__ = {**signature.__annotations__, "info": Info[Context, None]}
        return strawberry.field(
            resolver=cast("F", answer),
            description=signature.__doc__,
            metadata={PLANNED: declaration},
        )

    return declare
