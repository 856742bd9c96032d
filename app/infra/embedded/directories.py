"""Where an installation keeps what: one data directory, locked by the copy that uses it.

<data>/lock              held while embedded servers run; names the process
<data>/addresses.json    where those servers are, while they run
<data>/secret_key        signs tokens when SECRET_KEY is not set
<data>/postgresql        the cluster; as root possibly a link into /var/lib/customer-flow
<cluster>.replaced       the one before, while a restored one takes its place
<data>/restoring         a data directory of its own, where a restored cluster is proved
<data>/postgresql.log
<data>/redis             its append-only file and log
<data>/run               the sockets; in /tmp when the path is too long for a socket
"""

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.infra.embedded import system_user
from app.infra.embedded.processes import EmbeddedServerError, needing_room

MAX_SOCKET_PATH = 107  # of sockaddr_un, without its final zero
_LONGEST_SOCKET = "postgresql/.s.PGSQL.5432"


class DataDirectoryInUseError(EmbeddedServerError):
    """Another running copy holds the data directory."""


@dataclass(frozen=True, kw_only=True)
class Directories:
    """The places of one installation. `mark` appears in the command line of its servers."""

    data: Path
    mark: str
    cluster: Path
    run: Path
    server_user: str
    """Who PostgreSQL runs as when that is not us; empty when it is."""

    @property
    def postgresql_socket(self) -> Path:
        """Directory of PostgreSQL's socket."""
        return self.run / "postgresql"

    @property
    def redis_socket(self) -> Path:
        """Redis's socket."""
        return self.run / "redis" / "redis.sock"

    @property
    def redis(self) -> Path:
        """Redis's data."""
        return self.data / "redis"


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the data directory for this process alone; the lock dies with the process."""
    path = data / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode() or "unknown"
            raise DataDirectoryInUseError(
                f"Another copy of Customer Flow (process {holder}) is using {data}. Stop it first, "
                "or set CUSTOMER_FLOW_DATA_DIR and PORT to run a second one beside it."
            ) from None
        with needing_room(data):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def is_locked(data: Path) -> bool:
    """Whether a running copy holds the data directory."""
    path = data / "lock"
    if not path.exists():
        return False
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def holds_cluster(data: Path) -> bool:
    """Whether somebody has made a PostgreSQL there; also one that we may not look into."""
    cluster = data / "postgresql"
    try:
        return (
            (cluster / "PG_VERSION").exists() or cluster.is_symlink() or set_aside(cluster).is_dir()
        )
    except PermissionError:
        return True


def set_aside(cluster: Path) -> Path:
    """Where a cluster waits while another takes its place.

    It is the one to go on with when there is none in its place: then it was a kill that came
    between.
    """
    return cluster.with_name(f"{cluster.name}.replaced")


def draft_of(cluster: Path) -> Path:
    """Where a cluster is made, so that half of one is never taken for a whole one."""
    return cluster.with_name(f"{cluster.name}.new")


def make_data_directory(data: Path) -> None:
    """Create the data directory, private to us, unless it is there."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise EmbeddedServerError(
            f"the data directory {data} cannot be made: {error.strerror}"
        ) from error
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise EmbeddedServerError(
            f"the data directory {data} belongs to another user; start as that user, or set "
            "CUSTOMER_FLOW_DATA_DIR"
        )


def prepare(data: Path) -> Directories:
    """Decide on the places and make those that are missing. The caller holds the lock."""
    data = data.resolve()
    status = data.stat()
    identity = hashlib.sha256(f"{data}:{status.st_dev}:{status.st_ino}".encode()).hexdigest()[:12]
    cluster, user = _cluster_and_user(data, identity)
    run = cluster.parent / "run"
    if len(os.fsencode(run / _LONGEST_SOCKET)) > MAX_SOCKET_PATH:
        run = Path(tempfile.gettempdir()) / f"customer-flow-{identity}"
    if len(os.fsencode(run / _LONGEST_SOCKET)) > MAX_SOCKET_PATH:  # a long TMPDIR
        run = Path("/tmp") / f"customer-flow-{identity}"  # noqa: S108 - private, and checked below
    # Only the sub-directories are private to one user; two users pass through `run` as root.
    _make_private(run, mode=0o711 if user else 0o700)
    _make_private(run / "postgresql", owner=user)
    _make_private(run / "redis")
    _make_private(data / "redis")
    return Directories(
        data=data,
        mark=f"customer_flow_{identity}",
        cluster=cluster,
        run=run,
        server_user=user,
    )


def _cluster_and_user(data: Path, identity: str) -> tuple[Path, str]:
    """Where the cluster is or will be, and who runs it if that is not us."""
    cluster = data / "postgresql"
    if not system_user.running_as_root():
        if cluster.exists() and cluster.stat().st_uid != os.geteuid():
            raise EmbeddedServerError(
                f"{cluster} was made by another user (perhaps by root); start as that user, or set "
                "CUSTOMER_FLOW_DATA_DIR"
            )
        return cluster, ""
    if cluster.exists() and (owner := cluster.stat().st_uid) != 0:
        user = system_user.name_of(owner)
    else:
        user = system_user.ensure_system_user()
    if cluster.is_symlink():
        if not cluster.resolve().parent.is_dir():
            raise EmbeddedServerError(
                f"{cluster} points to {cluster.resolve()}, which is gone: bring it back, or delete "
                "the link to begin with an empty database"
            )
        return cluster.resolve(), user
    # The data directory is the product's own: others may pass through it, but not look around.
    # Its parents are somebody's, and stay as they are.
    data.chmod(data.stat().st_mode | 0o011)
    if system_user.can_reach(user, data):
        return cluster, user
    home = Path(tempfile.mkdtemp(prefix=f"{identity}-", dir=system_user.open_external_home()))
    home.chmod(0o711)
    cluster.symlink_to(home / "postgresql")
    return home / "postgresql", user


def _make_private(path: Path, *, mode: int = 0o700, owner: str = "") -> None:
    """A directory that is ours (or `owner`'s), not a link, and closed to others.

    In /tmp anybody could have made it first, to listen in: then it is refused.
    """
    path.mkdir(exist_ok=True, mode=mode)
    found = path.lstat()
    mine = {os.geteuid(), *([system_user.id_of(owner)] if owner else [])}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in mine:
        raise EmbeddedServerError(f"{path} is in the way: it is not a directory of our own")
    if stat.S_IMODE(found.st_mode) != mode:
        path.chmod(mode)
    if owner:
        system_user.give_to(owner, path)
