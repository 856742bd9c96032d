"""What PostgreSQL's refusals mean to a client: the one table from SQLSTATE to answer.

A state that is not here is a fault of ours. Most of these pass by themselves or with the help of
whoever runs the server, and the same request may be sent again: nothing of it was done, or, where a
connection ended at a commit, its idempotency key says what was.
"""

from dataclasses import dataclass

import asyncpg

from app.http import statuses
from app.http.statuses import Fault


@dataclass(frozen=True, slots=True)
class Meaning:
    """`is_retryable`: the same request may succeed later, unchanged."""

    fault: Fault
    message: str
    is_retryable: bool = True


_AWAY = Meaning(statuses.UNAVAILABLE, "Not available at this moment: try again shortly.")
_BUSY = Meaning(statuses.UNAVAILABLE, "Others are at work on the same: try again shortly.")
_FULL = Meaning(
    statuses.UNAVAILABLE, "The server has no room left: nothing was done. Try again later."
)
_READ_ONLY = Meaning(
    statuses.UNAVAILABLE, "Nothing can be changed at this moment, only read: try again later."
)
TOO_MUCH = Meaning(statuses.INVALID, "This reads too much: ask for less.", is_retryable=False)

MEANINGS: dict[str, Meaning] = {
    "08": _AWAY,  # connection exceptions, all of them
    "25006": _READ_ONLY,  # read_only_sql_transaction
    "25P03": _BUSY,  # idle_in_transaction_session_timeout
    "25P04": _BUSY,  # transaction_timeout
    "28": _AWAY,  # this program's own log-in is refused
    "3D000": _AWAY,  # invalid_catalog_name
    "40001": _BUSY,  # serialization_failure, after the last attempt
    "40P01": _BUSY,  # deadlock_detected, after the last attempt
    "53100": _FULL,  # disk_full
    "53200": _FULL,  # out_of_memory
    "53300": _AWAY,  # too_many_connections
    "53400": _FULL,  # configuration_limit_exceeded
    "54": TOO_MUCH,  # limits of PostgreSQL's own
    "55006": _BUSY,  # object_in_use
    "55P03": _BUSY,  # lock_not_available: lock_timeout
    "57014": TOO_MUCH,  # query_canceled, of a read; see `Interrupted` for what changes something
    "57P": _AWAY,  # shutdown, crash, starting up, the database dropped
    "58030": _FULL,  # io_error
}


def meaning_of(error: asyncpg.PostgresError) -> Meaning | None:
    """By the state itself, else by its class; None: a fault of ours."""
    state = error.sqlstate or ""
    return MEANINGS.get(state) or MEANINGS.get(state[:3]) or MEANINGS.get(state[:2])
