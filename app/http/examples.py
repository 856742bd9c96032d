"""Operations to begin with, for the IDE: each in a file that says whom it is for.

`# roles:` names the roles; `# variables:` is JSON, in which "today" becomes the day. All other
comments are for the reader.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from app.policies.roles import Role

_PLACE = files("app.http") / "static" / "examples"
_ROLES = "# roles: "
_VARIABLES = "# variables: "


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A document that somebody with one of the roles can run."""

    name: str
    roles: tuple[Role, ...]
    query: str
    variables: dict[str, Any]


def examples() -> list[Example]:
    """All of them, in the order of their tabs."""
    names = sorted(each.name for each in _PLACE.iterdir())
    return [_example(name, (_PLACE / name).read_text(encoding="utf-8")) for name in names]


def script() -> bytes:
    """The same for the page."""
    rows = [
        {"roles": each.roles, "query": each.query, "variables": each.variables}
        for each in examples()
    ]
    return b"window.EXAMPLES = " + json.dumps(rows, indent=1).encode() + b";\n"


def _example(name: str, text: str) -> Example:
    roles, variables, shown = "", "{}", []
    for line in text.splitlines():
        if line.startswith(_ROLES):
            roles = line.removeprefix(_ROLES)
        elif line.startswith(_VARIABLES):
            variables = line.removeprefix(_VARIABLES)
        else:
            shown.append(line)
    return Example(
        name=name,
        roles=tuple(Role(role) for role in roles.split()),
        query="\n".join(shown) + "\n",
        variables=json.loads(variables),
    )
