"""What is known of one request while it is answered: what its log line and its metrics will say."""

import time
from dataclasses import dataclass, field
from typing import cast

from starlette.types import Scope

SCOPE_KEY = "customer_flow.exchange"


@dataclass(slots=True)
class Exchange:
    """One request and its answer. `operation` is the name the document gives, never its text."""

    request_id: str
    started: float = field(default_factory=time.perf_counter)
    kind: str | None = None
    operation: str | None = None
    actor: str | None = None
    refused_token: str | None = None
    """Why the token that came proves nothing, a fixed word; None: it does, or none came."""
    status: int = 0
    bytes: int = 0

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self.started


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that the edge opened for this request."""
    return cast("Exchange", scope[SCOPE_KEY])
