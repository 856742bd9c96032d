"""How far a rule reaches, as seen from one viewer."""

from enum import StrEnum


class Scope(StrEnum):
    """The rows a rule speaks of.

    TEAM, OWN and SELF are independent facts about a row: a manager need not be a member of the
    team, so an OWN row is not taken to be a TEAM row. ALL holds of every row, NONE of none.

    For customers and what they own: TEAM is assigned to a member of the viewer's teams, OWN is
    assigned to the viewer, SELF belongs to the customer that the viewer logs in for.
    For users: TEAM is a member of the viewer's teams, SELF is the viewer. For teams: TEAM is one
    of the viewer's. A fact that has no meaning for a type holds of none of its rows.
    """

    ALL = "ALL"
    TEAM = "TEAM"
    OWN = "OWN"
    SELF = "SELF"
    NONE = "NONE"
