"""What a file is that nobody awaits: early, nearly right, of a format nobody prints, or none of our business.

For reports alone: nothing is ever matched by likeness.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import define, evolve, field

from remote_artwork.core.awaited import Awaited, ItemKey, canonical
from remote_artwork.core.lifecycle import FulfillState, OrderRecord
from remote_artwork.core.model import MEDIA_TYPES, Order
from remote_artwork.core.nearmiss import NearMisses
from remote_artwork.core.pattern import ORDER_NUMBER, FilenamePattern
from remote_artwork.core.report import FileOutcome, FileStatus

FORMATS = "JPEG, PNG or PDF"


@define
class Oddities:
    """Judges the names that hit nothing, against what is awaited and what was done before.

    Args:
        pattern: How names are built.
        awaited: What is awaited.
        orders: The pending orders.
    """

    pattern: FilenamePattern
    awaited: Awaited
    orders: Iterable[Order]
    _near: NearMisses = field(init=False)
    _pending: dict[str, list[Order]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._near = NearMisses.among(self.awaited.slots.values())
        self._pending = {}
        for order in self.orders:
            self._pending.setdefault(order.number, []).append(order)

    def order_numbers(self, name: str) -> set[str]:
        """The orders that a name may speak of, other than pending ones: to be looked up in the ledger."""
        return {reading[ORDER_NUMBER] for reading in self.pattern.readings(_stem(name))} - self._pending.keys()

    def judge(self, name: str, known: Mapping[str, Iterable[OrderRecord]]) -> FileOutcome | None:
        """The outcome of one name, or None where it is the artwork of an order that was worked on before.

        Args:
            name: A name that hit nothing.
            known: What the ledger knows of the orders the name may speak of, by order number.
        """
        records = [record for number in self.order_numbers(name) for record in known.get(number, ())]
        if any(file.name == name for record in records for row in record.items.values() for file in row.files):
            return None
        if near := self._near.of(name):
            reason = f"{near.why}; {near.slot} waits for {near.suggestion}"
            return _outcome(name, FileStatus.NEAR_MISS, reason, near.suggestion)
        stem, extension = _stem(name), name.rpartition(".")[2].lower()
        if extension not in MEDIA_TYPES:
            if self.pattern.fits(stem):
                return unsupported(name)
            return _outcome(name, FileStatus.UNRELATED, "neither a print file nor named like one")
        if wrong_item := self._wrong_item(stem):
            return _outcome(name, FileStatus.NEAR_MISS, wrong_item)
        if any(record.state is FulfillState.FULFILLED for record in records):
            number = next(record.order_number for record in records if record.state is FulfillState.FULFILLED)
            reason = f"order {number} is fulfilled already, with other files; this one was not used"
            return _outcome(name, FileStatus.UNRELATED, reason)
        if self.pattern.fits(stem):
            return _outcome(
                name, FileStatus.EARLY, "no pending order awaits it yet; it stays here until its order comes"
            )
        return _outcome(name, FileStatus.UNRELATED, f"its name does not follow the pattern {self.pattern}")

    def settle(self, outcome: FileOutcome, served: Collection[ItemKey]) -> FileOutcome:
        """Takes a suggestion back whose item has a file already.

        Args:
            outcome: A near miss, as judged while the listing was still coming in.
            served: The items that have a file, once all of it has been seen.
        """
        slot = self.awaited.slots.get(canonical(_stem(outcome.suggestion))) if outcome.suggestion else None
        if slot is None or slot.key not in served:
            return outcome
        reason = f"{outcome.reason.partition(';')[0]}; {slot} has its file already, so this one is not used"
        return evolve(outcome, reason=reason, suggestion=None)

    def _wrong_item(self, stem: str) -> str | None:
        for reading in self.pattern.readings(stem):
            for order in self._pending.get(reading[ORDER_NUMBER], ()):
                numbers = ", ".join(item.number for item in order.items if item.requires_artwork)
                if numbers:
                    return f"order {order.number} awaits no file of this name; its items with artwork are {numbers}"
                return f"order {order.number} has no item that needs artwork"
        return None


def unsupported(name: str) -> FileOutcome:
    """The outcome of a file named like a print file, in a format that is not printed."""
    extension = name.rpartition(".")[2]
    reason = f"{extension!r} is not a format that is printed; save it as {FORMATS}"
    return _outcome(name, FileStatus.UNSUPPORTED, reason)


def _outcome(name: str, status: FileStatus, reason: str, suggestion: str | None = None) -> FileOutcome:
    """Names that are no valid text are shown with their odd bytes escaped."""
    shown = name.encode("utf-8", "backslashreplace").decode()
    return FileOutcome(name=shown, status=status, reason=reason, suggestion=suggestion)


def _stem(name: str) -> str:
    return name.rpartition(".")[0]
