"""What PostgreSQL and Redis do to a command in the middle of its work, in one line.

A mistake of ours (a table that is not there, a rule of the tables that is broken) is none of these:
whoever mends it needs to see where it is.
"""

import asyncpg
from redis.exceptions import RedisError

_LOST = "the connection to it was lost"
_SAY_AGAIN = "Run the command again."

# By the state itself, else by its class: of SQLSTATE, those that are no mistake of ours.
_REASONS: dict[str, str] = {
    "08": _LOST,
    "25006": "it takes no writes",
    "25P03": "it ended a session that did nothing for too long",
    "25P04": "a transaction took too long",
    "40": "others were at work on the same",
    "53": "it is short of something",
    "53100": "its disk is full",
    "53200": "it has too little memory",
    "53300": "it has no connection left",
    "55006": "others use what is to be changed",
    "55P03": "others hold what is to be changed",
    "57": "it was told to stop",
    "57014": "a statement was cancelled, or took too long",
    "58": "its machine fails it",
}


def fault_in_a_line(error: BaseException) -> str | None:
    """Why work stopped and what to do, without a word of any address; None: a mistake of ours."""
    reason = _reason(error)
    if reason is not None:
        return f"Stopped in the middle, for PostgreSQL: {reason}. {_SAY_AGAIN}"
    if any(isinstance(each, RedisError) for each in _chain(error)):
        return f"Stopped in the middle: Redis does not answer as it should. {_SAY_AGAIN}"
    return None


def _reason(error: BaseException) -> str | None:
    chain = _chain(error)
    # What PostgreSQL itself said comes first: the driver wraps it in complaints of its own.
    states = [each for each in chain if isinstance(each, asyncpg.PostgresError)]
    for each in states:
        state = each.sqlstate or ""
        found = _REASONS.get(state) or _REASONS.get(state[:2])
        if found is not None:
            return found
    if states:
        return None
    if any(isinstance(each, (ConnectionError, asyncpg.InternalClientError)) for each in chain):
        return _LOST
    if any(_is_of_an_ended_connection(each) for each in chain):
        return _LOST
    return "it does not answer" if any(isinstance(each, TimeoutError) for each in chain) else None


def _is_of_an_ended_connection(error: BaseException) -> bool:
    # The driver has one class for this and for wrong use of it: only its words tell them apart.
    return isinstance(error, asyncpg.InterfaceError) and "closed" in str(error)


def _chain(error: BaseException) -> list[BaseException]:
    """The error and all that caused it, through the wrappings of SQLAlchemy and of groups."""
    found: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop(0)
        if each is None or any(each is known for known in found):
            continue
        found.append(each)
        left += [each.__cause__, each.__context__, getattr(each, "orig", None)]
        if isinstance(each, BaseExceptionGroup):
            left += each.exceptions
    return found
