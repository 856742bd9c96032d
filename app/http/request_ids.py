"""The id of a request: the client's own when it is a sane one, else a new one."""

import re
from random import Random

HEADER = b"x-request-id"

# Ids have to differ, not to be secret: this asks the kernel once, not at every request.
_random = Random()  # noqa: S311 - as said
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id_of(headers: list[tuple[bytes, bytes]]) -> str:
    """At most 64 letters, digits, dots, hyphens and underscores: safe in any log or header."""
    for name, value in headers:
        if name == HEADER and _SANE.fullmatch(value):
            return value.decode("ascii")
    return f"{_random.getrandbits(128):032x}"
