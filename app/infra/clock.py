"""What time it is, and what day it is for the company: UTC instants, local accounting dates."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


class Clock:
    """The company's clock."""

    def __init__(self, time_zone: str) -> None:
        self.zone = ZoneInfo(time_zone)

    def now(self) -> datetime:
        """This instant, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The company-local date: what `today` means in accounting."""
        return datetime.now(self.zone).date()
