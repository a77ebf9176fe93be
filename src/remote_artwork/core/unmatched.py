"""What a file is that nobody awaits: early, nearly right, of a format nobody prints, or none of our business.

For reports alone: nothing is ever matched by likeness.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import define, evolve, field

from remote_artwork.core.expected import ExpectedFiles, ItemKey, canonical, split_extension
from remote_artwork.core.lifecycle import FileRecord, FulfillState, OrderRecord
from remote_artwork.core.near_miss import NearMiss, NearMisses, spelling, without_front
from remote_artwork.core.orders import MEDIA_TYPES, Order, StoredFile
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import FileOutcome, FileStatus, natural

_MOST_NAMES = 5


@define
class UnmatchedClassifier:
    """Judges the names that hit nothing, against what is awaited and what was done before.

    Args:
        pattern: How names are built.
        awaited: What is awaited.
        orders: The pending orders.
    """

    pattern: FilenamePattern
    awaited: ExpectedFiles
    orders: Iterable[Order]
    _near: NearMisses = field(init=False)
    _pending: dict[str, list[Order]] = field(init=False)
    _read: dict[str, set[str]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        ambiguous = (slot for slots in self.awaited.ambiguous.values() for slot in slots)
        self._near = NearMisses.among((*self.awaited.slots.values(), *ambiguous), self.pattern)
        self._pending = {}
        for order in self.orders:
            self._pending.setdefault(canonical(order.number), []).append(order)

    def order_numbers(self, name: str) -> set[str]:
        """The orders that a name may speak of, other than pending ones: to be looked up in the ledger.

        They are kept until the name is judged: to read a name takes as long as to judge it.
        """
        numbers = self._read[name] = self._spoken_of(name)
        return {number for number in numbers if number not in self._pending}

    def judge(
        self, name: str, known: Mapping[str, Iterable[OrderRecord]], file: StoredFile | None = None
    ) -> FileOutcome | None:
        """The outcome of one name, or None where it is the artwork of an order that was worked on before.

        Args:
            name: A name that hit nothing.
            known: What the ledger knows of the orders the name may speak of, by order number.
            file: The file as it was listed; without it, it is taken for the one the ledger has under its name.
        """
        numbers = self._read.pop(name, None) or self._spoken_of(name)
        records = [
            record for number in sorted(numbers) if number not in self._pending for record in known.get(number, ())
        ]
        same_name = [
            (record, remembered)
            for record in records
            for row in record.items.values()
            for remembered in row.files
            if remembered.name == name
        ]
        if same_name:
            return self._replaced(file, same_name)
        done = [record.order_number for record in records if record.state is FulfillState.FULFILLED]
        if done:
            return _outcome(name, FileStatus.UNRELATED, reason("order_fulfilled_already", order_number=done[0]))
        cancelled = [record.order_number for record in records if record.state is FulfillState.CANCELLED]
        if cancelled:
            return _outcome(name, FileStatus.UNRELATED, reason("order_cancelled", order_number=cancelled[0]))
        near = None if records or _is_hidden(name) else self._near.of(name)
        if near and self._may_be_meant(near, numbers | self._of_folders(name)):
            because = reason("near_miss", rules=list(near.rules), print=near.slot.details, suggestion=near.suggestion)
            return _outcome(name, FileStatus.NEAR_MISS, because, near.suggestion)
        return self._without_likeness(name, numbers)

    def _replaced(self, file: StoredFile | None, known: Sequence[tuple[OrderRecord, FileRecord]]) -> FileOutcome | None:
        """The outcome of a file under a name that was printed, unless it is what was printed."""
        done = [record.order_number for record, _remembered in known if record.state is FulfillState.FULFILLED]
        if file is None or not done or any(remembered.describes(file) for _record, remembered in known):
            return None
        because = reason("replaced_after_fulfillment", order_number=done[0])
        return _outcome(file.name, FileStatus.SUPERSEDED, because)

    def _without_likeness(self, name: str, numbers: Collection[str]) -> FileOutcome:
        printable = split_extension(name)[1].lower() in MEDIA_TYPES
        if _is_hidden(name):
            return _outcome(name, FileStatus.UNRELATED, reason("hidden_file"))
        if not numbers:
            why = reason("other_name", pattern=str(self.pattern)) if printable else reason("other_file")
            return _outcome(name, FileStatus.UNRELATED, why)
        if not printable:
            return unsupported(name)
        pending = sorted(number for number in numbers if number in self._pending)
        if pending:
            return _outcome(name, FileStatus.NEAR_MISS, self._other_names(pending[0]))
        return _outcome(name, FileStatus.EARLY, reason("no_order_yet"))

    def _spoken_of(self, name: str) -> set[str]:
        """The numbers of all orders that the name may speak of."""
        if _is_hidden(name):
            return set()
        return self.pattern.order_numbers(split_extension(name)[0])

    def _of_folders(self, name: str) -> set[str]:
        """The numbers of pending orders that the folders of the name speak of."""
        folders = map(canonical, name.split("/")[:-1])
        spoken = {
            number
            for folder in folders
            for number in (folder, without_front(folder), *self.pattern.order_numbers(folder))
        }
        return {number for number in spoken if number in self._pending}

    def _may_be_meant(self, near: NearMiss, numbers: Collection[str]) -> bool:
        """Whether a name that is nearly a slot's, and speaks of these orders, speaks of no other one.

        ``10-1_1`` may be read as item 1 of order ``10-1``, so it is not taken for item ``1-1`` of order ``10``.
        """
        if near.slot.key in self.awaited.refusals:
            return False
        own = canonical(near.slot.order.number)
        if any(number in self._pending and number != own for number in numbers):
            return False
        if near.swapped or not numbers:
            return True
        return any(spelling(own) in (spelling(number), spelling(without_front(number))) for number in numbers)

    def _other_names(self, number: str) -> Reason:
        orders = self._pending[number]
        stems = {
            stem
            for order in orders
            for item in order.items
            for stem in self.awaited.stems.get((order.id, item.number), {}).values()
        }
        if not stems:
            return reason("order_needs_no_artwork", order_number=orders[0].number)
        names = sorted(stems, key=natural)
        shown, more = names[:_MOST_NAMES], len(names) - _MOST_NAMES
        if more > 0:
            return reason("order_expects_more_names", order_number=orders[0].number, basenames=shown, more=more)
        return reason("order_expects_other_names", order_number=orders[0].number, basenames=shown)

    def settle(self, outcome: FileOutcome, served: Collection[tuple[ItemKey, str]]) -> FileOutcome:
        """Takes a suggestion back whose place has a file already.

        Args:
            outcome: A near miss, as judged while the listing was still coming in.
            served: The items and placements that have a file, once all of the listing has been seen.
        """
        slot = self.awaited.slots.get(canonical(split_extension(outcome.suggestion)[0])) if outcome.suggestion else None
        if slot is None or (slot.key, slot.placement) not in served:
            return outcome
        because = reason("near_miss_has_file", rules=outcome.details["rules"], print=outcome.details["print"])
        return evolve(outcome, because=because, suggestion=None)


def unsupported(name: str) -> FileOutcome:
    """The outcome of a file named like a print file, in a format that is not printed."""
    extension = split_extension(name)[1]
    because = reason("format_not_printed", extension=extension) if extension else reason("no_extension")
    return _outcome(name, FileStatus.UNSUPPORTED, because)


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")


def _outcome(name: str, status: FileStatus, because: Reason, suggestion: str | None = None) -> FileOutcome:
    """Names that are no valid text are shown with their odd bytes escaped."""
    shown = name.encode("utf-8", "backslashreplace").decode()
    return FileOutcome(name=shown, status=status, because=because, suggestion=suggestion)
