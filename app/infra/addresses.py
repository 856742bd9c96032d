"""Addresses of servers, with a password inside.

A driver reads its address late, and quotes what it cannot read: pieces of a password that was not
escaped, on a terminal or in a log. So an address is read here first, and never quoted.
"""

from urllib.parse import parse_qs, urlsplit

UNREADABLE = (
    "cannot be read as an address: special characters of the user's name, the password and the "
    "parameters are written %XX, / for example %2F and @ %40"
)


def check_address(url: str, *, may_list_hosts: bool) -> None:
    """Raises ValueError, which says nothing of the address, unless every driver reads it alike.

    `may_list_hosts`: several hosts, each with its port, separated by commas.
    """
    try:
        is_readable = _is_readable(url, may_list_hosts=may_list_hosts)
    except ValueError:  # whose text quotes
        is_readable = False
    if not is_readable:
        raise ValueError(UNREADABLE)


def _is_readable(url: str, *, may_list_hosts: bool) -> bool:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    for host in hosts.split(",") if may_list_hosts else [hosts]:
        _ = urlsplit(f"//{host}").port  # raises for what is no port
    if parts.query:
        parse_qs(parts.query, strict_parsing=True)
    # After / ? or # of a password, its end and the @ before the host stand in another part.
    is_cut = bool(parts.netloc) and "@" in f"{parts.path}{parts.query}"
    return "@" not in credentials and "#" not in url and not is_cut
