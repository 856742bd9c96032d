"""How many values JSON has and how deep it nests, by its bytes: before anything is built."""

import re
from itertools import accumulate

from app.http import statuses
from app.http.refusals import Refused, refusal

MAX_VALUES = 50_000
"""Elements of lists and fields of objects, together."""

MAX_DEPTH = 64

MAX_TEXTS = 2 * MAX_VALUES + 2
"""More than so many values and their names can be."""

# Possessive, and content with an end that is missing: no byte is looked at twice.
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
_STRUCTURE = b"[]{},"
_ALL_ELSE = bytes(each for each in range(256) if each not in _STRUCTURE)
_STEPS = [0] * 256
for _opening, _closing in (b"[]", b"{}"):
    _STEPS[_opening], _STEPS[_closing] = 1, -1


def check_bounds(text: bytes, *path: str, depth: int = MAX_DEPTH) -> int:
    """At least the number of values in it. Raises Refused where there are too many, or too deep.

    Counted first is what may stand in texts as well, which is quick; only where that is much are
    texts left out.
    """
    openings = text.count(b"[") + text.count(b"{")
    count = openings + text.count(b",")
    if count <= MAX_VALUES and openings <= depth:
        return count
    without_texts, texts = _TEXTS.subn(b"", text, MAX_TEXTS)
    structure = without_texts.translate(None, _ALL_ELSE)
    openings = structure.count(b"[") + structure.count(b"{")
    count = openings + structure.count(b",")
    if count > MAX_VALUES or texts == MAX_TEXTS:
        raise _malformed(f"JSON has at most {MAX_VALUES} values here.", *path)
    if len(structure) > count + openings:
        raise _malformed("This is not JSON.", *path)
    if max(accumulate(map(_STEPS.__getitem__, structure)), default=0) > depth:
        raise _malformed(f"JSON nests at most {MAX_DEPTH} deep here.", *path)
    return count


def _malformed(message: str, *path: str) -> Refused:
    return refusal(statuses.MALFORMED, message, *path)
