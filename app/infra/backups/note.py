"""What a backup says about itself. Written last: a directory without a note is no backup."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

_NAME = "backup.json"
_PIECE_BYTES = 1 << 20


class BackupError(Exception):
    """A backup cannot be made, or used. The message is for the person who asked."""


class Kind(StrEnum):
    """A `DUMP` goes into any PostgreSQL of this or a newer version; a `BASE` is a whole cluster."""

    DUMP = "dump"
    BASE = "base"


@dataclass(frozen=True, kw_only=True)
class Note:
    """`taken_at`: when it was begun, in UTC: what was acknowledged before is in it."""

    kind: Kind
    taken_at: str
    product: str
    revision: str
    digest: str
    """SHA-256 of the dump; of a base backup, of PostgreSQL's own list of its files."""


def write(place: Path, note: Note) -> None:
    """Call it when everything else is there."""
    (place / _NAME).write_text(json.dumps(asdict(note), indent=2) + "\n")


def read(place: Path) -> Note:
    """Raises BackupError when this is no backup, or not a whole one."""
    try:
        said = json.loads((place / _NAME).read_text())
        return Note(**{**said, "kind": Kind(said["kind"])})
    except FileNotFoundError:
        raise BackupError(
            f"{place} is no backup: there is no {_NAME} in it, which is written when one is whole"
        ) from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BackupError(f"{place / _NAME} cannot be read: {error}") from error


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def make_place(place: Path) -> None:
    """A new directory, closed to others. Raises BackupError when something is there already."""
    try:
        place.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        raise BackupError(f"{place} is there already: name a directory to be made") from None
    except OSError as error:
        raise BackupError(f"{place} cannot be made: {error.strerror}") from error
