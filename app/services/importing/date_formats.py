"""How a file writes dates: every digit of it said by a format, and no text read in two ways."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import product

from app.domain.dates import FIRST_YEAR, LAST_YEAR
from app.services.importing.formats import Unreadable

MAX_FORMATS = 10
_DIRECTIVE = re.compile("%(.)")
_KNOWN = {"d", "m", "Y"}
# Years whose digits can be taken for days and months, and some that cannot.
_TRIED_YEARS = (1912, 2001, 2010, 2012, 2024, 2112)


def is_date_format(text: str) -> bool:
    """Whether it names day, month and year once each, and nothing else."""
    directives = _DIRECTIVE.findall(text)
    return len(directives) == len(_KNOWN) and set(directives) == _KNOWN


def date_reader(formats: Sequence[str]) -> Callable[[str], date]:
    """Reads a date in the one format that fits. A file repeats its dates: remembered.

    A day or month may be a single digit only where something parts it from other digits.
    """
    readers = [_reader(each) for each in formats]
    shown = " or ".join(formats)

    @lru_cache(maxsize=4096)
    def read(text: str) -> date:
        days = {day for each in readers if (day := each(text)) is not None}
        # A year that no business can mean is a misreading, if another format has one that it can.
        days = set(filter(_is_sane, days)) or days
        if len(days) > 1:
            raise Unreadable(f"This date can be read in two ways, as {shown}.")
        if not days:
            raise Unreadable(f"This is not a date written as {shown}.")
        return days.pop()

    return read


def read_differently(formats: Sequence[str]) -> tuple[str, str, str] | None:
    """Two of the formats and a text that is one date in the first, another in the second."""
    for one in dict.fromkeys(formats):
        written = list(_written(one))
        for other in dict.fromkeys(formats):
            read = _reader(other)
            for text, day in written:
                found = read(text)
                if found not in (None, day) and _is_sane(found):
                    return one, other, text
    return None


def _is_sane(day: date | None) -> bool:
    return day is not None and FIRST_YEAR <= day.year <= LAST_YEAR


def _written(form: str) -> Iterator[tuple[str, date]]:
    """Dates as the format writes them, with and without leading zeros."""
    read = _reader(form)
    for year, month, day in product(_TRIED_YEARS, range(1, 13), range(1, 29)):
        for width in ("02", ""):
            text = form.replace("%Y", f"{year}")
            text = text.replace("%m", format(month, width)).replace("%d", format(day, width))
            if read(text) == date(year, month, day):
                yield text, date(year, month, day)


def _reader(form: str) -> Callable[[str], date | None]:
    texts = _DIRECTIVE.split(form)
    compiled = re.compile(
        re.escape(texts[0])
        + "".join(
            f"(?P<{texts[index]}>[0-9]{{{_digits(texts, index)}}}){re.escape(texts[index + 1])}"
            for index in range(1, len(texts), 2)
        )
    )

    def read(text: str) -> date | None:
        found = compiled.fullmatch(text)
        if found is None:
            return None
        try:
            return date(int(found["Y"]), int(found["m"]), int(found["d"]))
        except ValueError:  # no calendar has this day
            return None

    return read


def _digits(texts: list[str], index: int) -> str:
    """How many digits the directive there has: texts alternate literal text and directives."""
    if texts[index] == "Y":
        return "4"
    before, after = texts[index - 1], texts[index + 1]
    parted_before = _parts(before[-1:]) or (index == 1 and not before)
    parted_after = _parts(after[:1]) or (index + 2 == len(texts) and not after)
    return "1,2" if parted_before and parted_after else "2"


def _parts(character: str) -> bool:
    return bool(character) and not character.isdigit()
