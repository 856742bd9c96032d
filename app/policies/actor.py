"""Who is asking, as every service sees them."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from app.domain.errors import Forbidden
from app.policies.grant import Grant
from app.policies.roles import Role
from app.policies.scopes import Scope


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A signed-in user as of `access_version`, with the grant compiled for their roles.

    `customer_id` is the customer a portal log-in belongs to; `team_id` is the user's own team.
    """

    user_id: UUID
    roles: tuple[Role, ...]
    grant: Grant
    customer_id: UUID | None
    team_id: UUID | None
    access_version: int
    request_id: str

    def require(self, coordinate: str) -> None:
        """Raises Forbidden unless the mutation or input field is allowed on some row."""
        if not self.grant.may_execute(coordinate):
            raise Forbidden(coordinate)

    def require_on(self, coordinate: str, facts: AbstractSet[Scope]) -> None:
        """Raises Forbidden unless it is allowed on a row of which exactly these facts hold.

        For rows the viewer can see; one they cannot see is NOT_FOUND, not FORBIDDEN.
        """
        if not self.grant.execute(coordinate).holds(facts):
            raise Forbidden(coordinate)

    def require_suppliable(
        self, input_type: str, fields: Iterable[str], facts: AbstractSet[Scope]
    ) -> None:
        """Raises Forbidden for the first of the supplied fields that the viewer may not read whole
        on a row of which these facts hold.
        """
        for name in fields:
            coordinate = f"{input_type}.{name}"
            if not self.grant.suppliable(coordinate).holds(facts):
                raise Forbidden(coordinate, name)
