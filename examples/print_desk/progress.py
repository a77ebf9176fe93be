"""The progress of the running scan, for a page that requests it repeatedly."""

from __future__ import annotations

from attrs import asdict, define, evolve, frozen

from remote_artwork.events import Event, FilesListed, OrderStarted, ScanFinished


@frozen(kw_only=True)
class Step:
    """The current step of a scan.

    Args:
        text: What the scan does, for the merchant.
        done: The number of orders that are finished.
        total: The number of orders; 0 until it is known.
    """

    text: str
    done: int = 0
    total: int = 0


@define
class Progress:
    """Implements ``ra.Observer``. The thread of the scan writes ``current``, and other threads read it.

    Each step is a new frozen value, so a reader never sees parts of two steps.
    """

    current: Step = Step(text="Reading pending orders")
    _files: int = 0

    def on_event(self, event: Event) -> None:
        match event:
            case FilesListed():
                self._files += event.count
                self.current = evolve(self.current, text=f"Listing files: {self._files:,} found")
            case OrderStarted():
                self.current = Step(text=f"Order {event.order_number}", done=event.done, total=event.total)
            case ScanFinished():  # the contact sheet comes after the scan, and takes a while
                self.current = evolve(self.current, text="Drawing the contact sheet", done=self.current.total)
            case _:
                pass

    def to_dict(self) -> dict[str, str | int]:
        """Return the current step as plain values."""
        return asdict(self.current)
