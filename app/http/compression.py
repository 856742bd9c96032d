"""Answers in fewer bytes, for clients that ask for it.

Compressing tells the length of what is secret beside what an attacker may put there (BREACH). Here
nobody can make somebody else's browser ask: no request carries a credential of its own accord.
"""

import asyncio
import gzip
from functools import lru_cache

from app.http.media_types import MAX_HEADER_BYTES, weights

MIN_BYTES = 1024
"""Below, the headers weigh more than what is saved."""

ASIDE_BYTES = 32 * 1024
"""From here on in a thread: zlib needs milliseconds, and lets others go on meanwhile."""

QUICK_LEVEL = 4
BEST_LEVEL = 9

ENCODED = ((b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))


def accepts_gzip(accept_encoding: bytes | None) -> bool:
    """Whether this header asks for gzip: by name, or as any encoding there is."""
    if accept_encoding is None or len(accept_encoding) > MAX_HEADER_BYTES:
        return False
    return _accepts_gzip(accept_encoding)


@lru_cache(512)
def _accepts_gzip(accept_encoding: bytes) -> bool:
    named = weights(accept_encoding)
    return named.get("gzip", named.get("x-gzip", named.get("*", 0.0))) > 0


async def compressed(content: bytes, accept_encoding: bytes | None) -> bytes | None:
    """The content compressed; None where it was not asked for, or is not worth it."""
    if len(content) < MIN_BYTES or not accepts_gzip(accept_encoding):
        return None
    if len(content) < ASIDE_BYTES:
        return gzip.compress(content, QUICK_LEVEL, mtime=0)
    return await asyncio.to_thread(gzip.compress, content, QUICK_LEVEL, mtime=0)
