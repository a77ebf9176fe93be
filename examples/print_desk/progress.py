"""How the scan in hand goes on, for a page that asks now and then."""

from __future__ import annotations

from attrs import asdict, define, evolve, frozen

import remote_artwork as ra


@frozen(kw_only=True)
class Moment:
    """How far a scan is.

    Args:
        doing: In words.
        done: Orders that are behind it.
        total: Orders that wait; 0 while nobody knows.
    """

    doing: str
    done: int = 0
    total: int = 0


@define
class Progress:
    """Satisfies ``ra.Observer``. It is told by the scan's thread and read by others: each moment is one whole value."""

    now: Moment = Moment(doing="Reading the pending orders")
    _names: int = 0

    def listed(self, names: int) -> None:
        self._names += names
        self.now = evolve(self.now, doing=f"Looking for files: {self._names:,} seen")

    def working(self, done: int, total: int, order_number: str) -> None:
        self.now = Moment(doing=f"Order {order_number}", done=done, total=total)

    def finished(self, report: ra.ScanReport) -> None:
        """Pictures of all files are drawn after the pass, which takes a while."""
        self.now = evolve(self.now, doing="Drawing the contact sheet", done=self.now.total)

    def told(self) -> dict[str, str | int]:
        """The moment as plain values."""
        return asdict(self.now)
