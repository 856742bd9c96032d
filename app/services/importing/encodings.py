"""Which encoding a line is written in, as far as its bytes tell."""

import re

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_SINGLE_BYTE = ("windows-1250", "windows-1251", "windows-1252", "windows-1253", "iso-8859-15")
# Letters and marks that names in Latin, Greek or Cyrillic script are written with.
_PLAUSIBLE = {
    character
    for encoding in _SINGLE_BYTE
    for character in bytes(range(0x80, 0x100)).decode(encoding, "ignore")
    if character.isprintable() or character == "\u00a0"
}


def is_utf_8(line: bytes) -> bool:
    """Whether a line that some single-byte encoding could have written is surely UTF-8.

    All that is not ASCII then makes up UTF-8, and letters that names have: two accented letters
    side by side may look like one in UTF-8, but not like one that anybody writes.
    """
    try:
        found = [run.decode() for run in _BEYOND_ASCII.findall(line)]
    except UnicodeDecodeError:
        return False
    return all(each in _PLAUSIBLE or each >= "\u0800" for each in "".join(found))
