"""Which media types a request brings and accepts.

What was worked out is remembered, and anybody may ask: a long header names nothing known here.
"""

from functools import lru_cache
from typing import TypeGuard

LEGACY = b"application/json"
MODERN = b"application/graphql-response+json"
HTML = b"text/html"

# Browsers send some 150 bytes.
MAX_HEADER_BYTES = 1024
_REMEMBERED = 512
_UTF_8 = {"utf-8", "utf8"}


def is_json(content_type: bytes | None) -> bool:
    """Whether a body of this content type is JSON in UTF-8."""
    return _is_short(content_type) and _is_json(content_type)


@lru_cache(_REMEMBERED)
def _is_json(content_type: bytes) -> bool:
    media_type, parameters = _parsed(content_type.decode("latin-1"))
    charset = parameters.get("charset", "utf-8").strip('"').lower()
    return media_type == LEGACY.decode() and charset in _UTF_8


def accepted(accept: bytes | None) -> bytes | None:
    """The media type to answer with, without parameters; None when there is none in common.

    A client that does not care (no header, `*/*`, `application/*`) gets `application/json`.
    """
    if accept is None:
        return LEGACY
    return _accepted(accept) if _is_short(accept) else None


@lru_cache(_REMEMBERED)
def _accepted(accept: bytes) -> bytes | None:
    named = weights(accept)
    anything = max(named.get("application/*", 0.0), named.get("*/*", 0.0))
    legacy = named.get(LEGACY.decode(), anything)
    modern = named.get(MODERN.decode(), 0.0)
    if max(legacy, modern) <= 0:
        return None
    return MODERN if modern >= legacy else LEGACY


def prefers_html(accept: bytes | None) -> bool:
    """Whether this is a browser that navigates here: it names HTML, programs do not."""
    return _is_short(accept) and _prefers_html(accept)


@lru_cache(_REMEMBERED)
def _prefers_html(accept: bytes) -> bool:
    named = weights(accept)
    html = named.get(HTML.decode(), 0.0)
    return html > 0 and html >= max(
        named.get(LEGACY.decode(), 0.0), named.get(MODERN.decode(), 0.0)
    )


def _is_short(header: bytes | None) -> TypeGuard[bytes]:
    return header is not None and len(header) <= MAX_HEADER_BYTES


def weights(accept: bytes) -> dict[str, float]:
    """The quality of each range that such a header names; the order of equal ones means nothing."""
    found: dict[str, float] = {}
    for part in accept.decode("latin-1").split(","):
        media_range, parameters = _parsed(part)
        charset = parameters.get("charset", "utf-8").strip('"').lower()
        if media_range and charset in _UTF_8:
            found[media_range] = max(found.get(media_range, 0.0), _quality(parameters))
    return found


def _quality(parameters: dict[str, str]) -> float:
    try:
        return min(1.0, max(0.0, float(parameters.get("q", "1"))))
    except ValueError:
        return 0.0


def _parsed(value: str) -> tuple[str, dict[str, str]]:
    media_type, *rest = (part.strip() for part in value.split(";"))
    pairs = (part.partition("=") for part in rest)
    return media_type.lower(), {name.strip().lower(): text.strip() for name, _, text in pairs}
