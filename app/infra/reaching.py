"""Why PostgreSQL cannot be used: in a line that holds nothing of an address but host and port.

The driver's own messages name user and database, and the driver quotes what it cannot read.
"""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult, parse_qs, urlsplit

import asyncpg

from app.infra.settings import SettingsError

MIGRATE_FIRST = "The database is not at this version: run `migrate` first."

_FAILURES = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_START = "Start it, or correct {setting}."
# The first that fits: what it is, and what to do.
_REASONS: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "the user or the password is refused",
        "Correct {setting}.",
    ),
    (
        asyncpg.InvalidCatalogNameError,
        "there is no such database",
        "Create it, or correct {setting}.",
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        "the user may not use this database or act as its roles",
        "Grant it, or correct {setting}.",
    ),
    (asyncpg.TooManyConnectionsError, "it has no connection left", "Try again, or allow it more."),
    (asyncpg.CannotConnectNowError, "it is starting or stopping", "Try again."),
    (socket.gaierror, "there is no such host", "Correct {setting}."),
    (TimeoutError, "it does not answer", _START),
)
_PLAIN = re.compile(r"[\w.,:/\[\]-]+")


class NotReady(Exception):
    """The database cannot be reached, or is not at the version that this program needs."""


@contextmanager
def reaching(url: str, setting: str) -> Iterator[None]:
    """Around connecting, and nothing else: what it raises becomes NotReady.

    `setting` is where the address is from. SettingsError for what is no address at all.
    """
    try:
        yield
    except asyncpg.InvalidParameterValueError as error:
        # Of what a session begins with, only the role can be unknown: migrations make it.
        raise NotReady(MIGRATE_FIRST) from error
    except ValueError:
        raise SettingsError(f"{setting}: cannot be read as a postgresql:// address") from None
    except _FAILURES as error:
        place = _place(urlsplit(url))
        reason, remedy = _explained(error)
        raise NotReady(
            f"PostgreSQL cannot be reached{place and f' at {place}'}: {reason}. "
            + remedy.format(setting=setting)
        ) from error


def _explained(error: BaseException) -> tuple[str, str]:
    for kind, reason, remedy in _REASONS:
        if isinstance(error, kind):
            return reason, remedy
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno).lower(), _START
    return type(error).__name__, _START


def _place(address: SplitResult) -> str:
    """Host and port; empty when it is not certain that they are nothing else."""
    # A password with an unescaped / or # ends the host too early, and is taken for one in part.
    if "@" in address.path + address.query + address.fragment:
        return ""
    query = parse_qs(address.query)
    given = [address.netloc.rpartition("@")[2], *query.get("host", ()), *query.get("port", ())]
    place = ":".join(part for part in given if part)
    return place if _PLAIN.fullmatch(place) else ""
