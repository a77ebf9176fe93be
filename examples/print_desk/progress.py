"""How the scan in hand goes on, for a page that asks now and then."""

from __future__ import annotations

from attrs import asdict, define, evolve, frozen

from remote_artwork.events import Event, FilesListed, OrderStarted, ScanFinished


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

    def on_event(self, event: Event) -> None:
        match event:
            case FilesListed():
                self._names += event.count
                self.now = evolve(self.now, doing=f"Looking for files: {self._names:,} seen")
            case OrderStarted():
                self.now = Moment(doing=f"Order {event.order_number}", done=event.done, total=event.total)
            case ScanFinished():  # pictures of all files are drawn after the pass, which takes a while
                self.now = evolve(self.now, doing="Drawing the contact sheet", done=self.now.total)
            case _:
                pass

    def told(self) -> dict[str, str | int]:
        """The moment as plain values."""
        return asdict(self.now)
