"""The id of a request: the client's own when it is a sane one, else a new one."""

import re
from uuid import uuid4

HEADER = b"x-request-id"

_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id_of(headers: list[tuple[bytes, bytes]]) -> str:
    """At most 64 letters, digits, dots, hyphens and underscores: safe in any log or header."""
    for name, value in headers:
        if name == HEADER and _SANE.fullmatch(value):
            return value.decode("ascii")
    return uuid4().hex
