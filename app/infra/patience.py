"""How long a program waits for PostgreSQL, by what it does: nothing waits for good."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """Seconds. PostgreSQL gives up first, and says why; a server that says nothing is given up.

    `statement` and `lock` are PostgreSQL's own limits, for a statement and for each lock that it
    waits for; `idle` is how long it keeps the locks of a transaction whose client does nothing.
    `place` is how long to wait for a connection.
    """

    statement: float
    lock: float
    idle: float
    place: float

    @property
    def silence(self) -> float:
        """After so long without an answer the connection is given up: PostgreSQL would have."""
        return self.statement + 2

    def settings(self) -> dict[str, str]:
        """For PostgreSQL, when a connection is made."""
        return {
            "statement_timeout": _milliseconds(self.statement),
            "lock_timeout": _milliseconds(self.lock),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle),
            # Its own end of a connection whose client's machine is gone, with the locks it holds.
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": _milliseconds(30),
        }


ANSWERING = Patience(statement=15, lock=3, idle=10, place=5)
"""Somebody is waiting for the answer."""

ASIDE = Patience(statement=5, lock=3, idle=10, place=5)
"""Log-ins and probes, on a few connections of their own."""

WORKING = Patience(statement=300, lock=60, idle=120, place=60)
"""Nobody is: jobs, imports and commands."""

CHECK_SECONDS = 2.0
"""How long a connection that was not used for a while may take to say that it is there."""

UNUSED_SECONDS = 5.0
"""After so long without use it is asked."""


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
