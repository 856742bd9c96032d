"""Start a program that ends when the process that started it ends. Run as a script, by path:

    python -I -S launch.py STARTER_PID SIGNAL USER -- PROGRAM ARGUMENT...

Becomes PROGRAM (same process id), as USER unless that is empty. SIGNAL is what the kernel sends it
when STARTER_PID dies, even by SIGKILL. Only Linux can do that; elsewhere the program runs on.

A script of its own rather than a `preexec_fn`: that one is unsafe with threads, is not supported by
every event loop, and the death signal does not survive a change of user after it.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drop privileges, ask for the death signal, become the program."""
    starter, signal_number, user, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        sys.exit("usage: launch.py STARTER_PID SIGNAL USER -- PROGRAM ARGUMENT...")
    if user:
        become(user)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
        if os.getppid() != int(starter):  # it died before the request was in place
            sys.exit("the process that asked for this one has ended")
    os.execv(command[0], command)  # noqa: S606 - no shell is what is wanted


def become(user: str) -> None:
    """Give up root for `user` for good."""
    import pwd  # noqa: PLC0415 - most starts change no user

    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.umask(0o077)


if __name__ == "__main__":
    main()
