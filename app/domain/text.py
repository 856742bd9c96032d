"""Text that people and programs send: bounded, printable, never with control characters.

A NUL cannot be stored, other control characters and lone surrogates cannot be shown, logged or put
into a document safely: all are refused, never removed in silence. Surrounding blanks mean nothing
and are trimmed. Lines end with LF, however they came.

What names something (a code, a SKU, a reference) is in Unicode's composed form, NFC, so that what
looks the same is the same; other text is kept as it was sent.
"""

import re
import unicodedata

from app.domain.errors import Invalid

SHORT = 100
LINE = 200
PARAGRAPH = 2_000

# No character is composed of more than these.
_MOST_COMPOSED = 4

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LAYOUT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def required(text: str, *path: str, maximum: int = LINE) -> str:
    """One line of text that says something."""
    return _checked(text, _CONTROL, maximum, path) or _refuse_blank(path)


def optional(text: str | None, *path: str, maximum: int = LINE) -> str | None:
    """One line of text, or None when it is absent or blank."""
    return None if text is None else _checked(text, _CONTROL, maximum, path) or None


def paragraph(text: str | None, *path: str, maximum: int = PARAGRAPH) -> str | None:
    """As `optional`, and line breaks and tabs may structure it."""
    if text is None:
        return None
    # A line may end with two characters: of what is kept, each counts as one.
    _require_length(text, maximum, path, spread=2)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _checked(text, _CONTROL_BUT_LAYOUT, maximum, path) or None


def opaque(text: str | None, *path: str, maximum: int = LINE) -> str | None:
    """What is given back to its sender as it came."""
    if text is not None:
        _checked(text, _CONTROL, maximum, path)
    return text


def composed(text: str) -> str:
    """As it is kept where it names something."""
    return unicodedata.normalize("NFC", text)


def identifier(text: str, *path: str, maximum: int) -> str:
    """As `key`, composed: what people call a customer or a product."""
    _require_length(text, maximum, path, spread=_MOST_COMPOSED)
    return key(composed(text), *path, maximum=maximum)


def reference(text: str | None, *path: str, maximum: int = SHORT) -> str | None:
    """As `optional`, composed: what another system calls something."""
    if text is None:
        return None
    _require_length(text, maximum, path, spread=_MOST_COMPOSED)
    return optional(composed(text), *path, maximum=maximum)


def label(text: str, *path: str, maximum: int) -> str:
    """As `required`, composed: a word that marks something."""
    _require_length(text, maximum, path, spread=_MOST_COMPOSED)
    return required(composed(text), *path, maximum=maximum)


def key(text: str, *path: str, maximum: int) -> str:
    """A name that programs compare: 1 to `maximum` printable characters, never trimmed."""
    if not 1 <= len(text) <= maximum or not text.isprintable() or text != text.strip():
        raise Invalid(
            f"This must be 1 to {maximum} printable characters without surrounding blanks.", *path
        )
    return text


def _require_length(text: str, maximum: int, path: tuple[str, ...], *, spread: int = 1) -> None:
    # The length first: nothing else is done with a megabyte.
    if len(text) > maximum * spread:
        raise Invalid(f"This text is longer than {maximum} characters.", *path)


def _checked(text: str, forbidden: re.Pattern[str], maximum: int, path: tuple[str, ...]) -> str:
    _require_length(text, maximum, path)
    if forbidden.search(text):
        raise Invalid("This text holds control characters.", *path)
    return text.strip()


def _refuse_blank(path: tuple[str, ...]) -> str:
    raise Invalid("This text must not be blank.", *path)
