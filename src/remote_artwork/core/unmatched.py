"""Classify the files that no pending item expects: early, near miss, unsupported, superseded or unrelated.

The result is only reported. A file is never used because its name is similar to an expected one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from heapq import nsmallest

from attrs import define, evolve, field

from remote_artwork.core.expected import ExpectedFiles, ItemKey, split_extension
from remote_artwork.core.lifecycle import FileRecord, FulfillState, OrderRecord
from remote_artwork.core.mentions import MentionIndex, Reading
from remote_artwork.core.near_miss import (
    CleanName,
    NearMiss,
    NearMissIndex,
    clean_name,
    is_unfinished,
    normalize,
    strip_leading_word,
)
from remote_artwork.core.orders import Order, StoredFile
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import FileOutcome, FileStatus, natural_key
from remote_artwork.core.text import escape_unprintable, nfc

_MAX_NAMES_SHOWN = 5
_METADATA = ("._", ".~")
"""The beginnings of the names of files that macOS and office programs create next to another file."""


@define
class UnmatchedClassifier:
    """Classifies names that match no expected file. Its indexes are built for the first name that needs them.

    Args:
        pattern: The pattern of the file names.
        expected: The expected files.
        orders: The pending orders.
    """

    pattern: FilenamePattern
    expected: ExpectedFiles
    orders: Iterable[Order]
    _unclear: dict[str, str] = field(factory=dict, init=False)
    """Order id → the first file that mentions the order, and for which no print is suggested."""
    _numbers_by_name: dict[str, set[str]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.orders = tuple(self.orders)

    @cached_property
    def _near_misses(self) -> NearMissIndex:
        ambiguous = (file for files in self.expected.ambiguous.values() for file in files)
        return NearMissIndex.build((*self.expected.by_basename.values(), *ambiguous), self.pattern)

    @cached_property
    def _mentions(self) -> MentionIndex:
        return MentionIndex(self.orders, self.expected, self.pattern)

    @cached_property
    def _pending(self) -> Mapping[str, Sequence[Order]]:
        """The pending orders by their numbers."""
        pending: dict[str, list[Order]] = {}
        for order in self.orders:
            pending.setdefault(nfc(order.number), []).append(order)
        return pending

    def order_numbers(self, name: str) -> set[str]:
        """The order numbers, other than pending ones, that the name may contain. Look them up in the ledger.

        The result is kept until ``classify`` gets the same name, because reading a name is as slow as classifying it.
        """
        numbers = self._numbers_by_name[name] = self._order_numbers_in(name)
        return {number for number in numbers if number not in self._pending}

    def classify(
        self, name: str, known: Mapping[str, Iterable[OrderRecord]], file: StoredFile | None = None
    ) -> FileOutcome | None:
        """The outcome of one name; None if it is the artwork of an order that was processed earlier.

        Args:
            name: A name that matches no expected file.
            known: Order number → the ledger's rows, for the numbers that ``order_numbers`` returned.
            file: The listed file; None: it is assumed to be the one that the ledger has under this name.
        """
        numbers = self._numbers_by_name.pop(name, None) or self._order_numbers_in(name)
        records = [
            record for number in sorted(numbers) if number not in self._pending for record in known.get(number, ())
        ]
        recorded = [
            (record, recorded_file)
            for record in records
            for row in record.items.values()
            for recorded_file in row.files
            if recorded_file.name == name
        ]
        if recorded:
            return self._classify_recorded(file, recorded)
        clean = clean_name(name)
        reading = self._read(name, clean)
        # A name that also mentions a pending order may be for that order, even if an order of the ledger is done.
        done = [
            record for record in records if not reading or not self._mentions.has_more(reading, record.order_number)
        ]
        fulfilled = [record.order_number for record in done if record.state is FulfillState.FULFILLED]
        if fulfilled:
            because = reason("order_fulfilled_already", order_number=fulfilled[0])
            return _outcome(name, FileStatus.UNRELATED, because)
        cancelled = [record.order_number for record in done if record.state is FulfillState.CANCELLED]
        if cancelled:
            return _outcome(name, FileStatus.UNRELATED, reason("order_cancelled", order_number=cancelled[0]))
        if clean.is_printed and not records and not _is_hidden(name):
            near = self._find_near_miss(clean, numbers, reading)
            if near is not None:
                return self._suggest(name, clean, near)
        if reading is None or not clean.is_printed:
            return self._classify_by_pattern(name, clean, numbers, mentions_order=reading is not None)
        outcome = _outcome(name, FileStatus.NEAR_MISS, self._why_not_suggested(name, reading))
        for order in reading.orders:
            self._unclear[order.id] = min(outcome.name, self._unclear.get(order.id, outcome.name))
        return outcome

    def classify_unusable(self, key: str, because: Reason) -> FileOutcome:
        """The outcome of a file whose key cannot be used. It is a near miss if a pending order may wait for it."""
        parts = [
            part for part in _SEPARATORS.split("".join(filter(str.isprintable, key))) if part not in ("", ".", "..")
        ]
        plain = "/".join(parts)
        names = {nfc(split_extension("/".join(parts[i:]))[0]) for i in range(len(parts))}
        awaited = any(name in self.expected.by_basename or name in self.expected.ambiguous for name in names)
        awaited = awaited or self._read(plain, clean_name(plain)) is not None
        status = FileStatus.NEAR_MISS if awaited else FileStatus.UNRELATED
        return _outcome(escape_unprintable(key[:_MAX_KEY_SHOWN]), status, because)

    def _read(self, name: str, clean: CleanName) -> Reading | None:
        """What the name says about the pending orders. Metadata that programs create beside a file says nothing."""
        return None if name.rpartition("/")[2].startswith(_METADATA) else self._mentions.read(clean.basename)

    def _find_near_miss(self, clean: CleanName, numbers: set[str], reading: Reading | None) -> NearMiss | None:
        """The one print that the name is near to, unless it can be something else."""
        orders = reading.orders if reading else ()
        numbers = numbers | self._order_numbers_in_folders(clean.basename)
        near = self._near_misses.find(clean.basename)
        if self.pattern.is_reusable:
            # A name with the number of an order may be for that order alone, so the file is not suggested for all.
            known = near is not None and "in_a_folder" not in near.rules
            return near if near and known and self._is_plausible(near, numbers) else None
        if near and all(order.id == near.expected.order.id for order in orders) and self._is_plausible(near, numbers):
            return near
        if reading is None or reading.expected is None:
            return None
        swapped = "swapped_numbers" in reading.rules
        if not swapped and not all(self._mentions.can_be_part(number, orders[0]) for number in numbers):
            return None
        near = NearMiss(reading.expected, reading.rules, ignores_pattern=True)
        return near if self._is_plausible(near, numbers) else None

    def _suggest(self, name: str, clean: CleanName, near: NearMiss) -> FileOutcome:
        suggestion = f"{near.expected.basename}.{clean.extension.lower()}"
        rules = [*clean.rules, *near.rules]
        details = self.expected.details_of(near.expected)
        because = reason("near_miss", rules=rules, print=details, suggestion=suggestion)
        return _outcome(name, FileStatus.NEAR_MISS, because, suggestion)

    def _why_not_suggested(self, name: str, reading: Reading) -> Reason:
        """The reason of a file that mentions pending orders, and may be for one of them."""
        numbers = sorted(sorted({order.number for order in reading.orders}), key=natural_key)
        if len(numbers) > 1:
            return reason("several_orders_in_name", order_numbers=numbers[:_MAX_NAMES_SHOWN])
        expected = self._names_of_order(nfc(numbers[0]))
        if "basenames" not in expected.details:
            return expected
        shown = {"order_number": numbers[0], "basenames": expected.details["basenames"]}
        if _is_hidden(name):
            return reason("hidden_file_of_order", **shown)
        if reading.in_other_folder:
            return reason("in_other_folder", folder=_as_text(name.rpartition("/")[0]), **shown)
        return expected

    def _classify_recorded(
        self, file: StoredFile | None, recorded: Sequence[tuple[OrderRecord, FileRecord]]
    ) -> FileOutcome | None:
        """The outcome of a file whose name the ledger has; None if it is the file that was used."""
        fulfilled = [record.order_number for record, _ in recorded if record.state is FulfillState.FULFILLED]
        if file is None or not fulfilled or any(recorded_file.may_describe(file) for _, recorded_file in recorded):
            return None
        because = reason("replaced_after_fulfillment", order_number=fulfilled[0])
        return _outcome(file.name, FileStatus.SUPERSEDED, because)

    def _classify_by_pattern(
        self, name: str, clean: CleanName, numbers: Collection[str], *, mentions_order: bool
    ) -> FileOutcome:
        if not numbers and not mentions_order:
            if _is_hidden(name):
                return _outcome(name, FileStatus.UNRELATED, reason("hidden_file"))
            if self.pattern.is_reusable and clean.is_printed and not clean.rules and self.pattern.fits(clean.basename):
                return _outcome(name, FileStatus.EARLY, reason("no_order_of_product"))
            because = reason("other_name", pattern=str(self.pattern)) if clean.is_printed else reason("other_file")
            return _outcome(name, FileStatus.UNRELATED, because)
        if not clean.is_printed or clean.rules:
            return unsupported(name)
        pending = sorted(number for number in numbers if number in self._pending)
        if pending:
            return _outcome(name, FileStatus.NEAR_MISS, self._names_of_order(pending[0]))
        return _outcome(name, FileStatus.EARLY, reason("no_order_yet"))

    def _order_numbers_in(self, name: str) -> set[str]:
        """All order numbers that the name may contain by the pattern."""
        if _is_hidden(name):
            return set()
        return self.pattern.order_numbers(clean_name(name).basename)

    def _order_numbers_in_folders(self, name: str) -> set[str]:
        """The numbers of pending orders that the folders of the name contain."""
        numbers = {
            number
            for folder in map(nfc, name.split("/")[:-1])
            for number in (folder, strip_leading_word(folder), *self.pattern.order_numbers(folder))
        }
        return {number for number in numbers if number in self._pending}

    def _is_plausible(self, near: NearMiss, numbers: Collection[str]) -> bool:
        """Whether the name can be suggested: none of the order numbers it contains is that of another order.

        ``10-1_1`` can be item 1 of order ``10-1``, so it is not suggested for item ``1-1`` of order ``10``.
        """
        if near.expected.key in self.expected.excluded:
            return False
        own = nfc(near.expected.order.number)
        if any(number in self._pending and number != own for number in numbers):
            return False
        if near.ignores_pattern or not numbers:
            return True
        return any(normalize(own) in (normalize(number), normalize(strip_leading_word(number))) for number in numbers)

    def _names_of_order(self, number: str) -> Reason:
        orders = self._pending[number]
        basenames = {
            basename
            for order in orders
            for item in order.items
            for basename in self.expected.basenames.get((order.id, item.number), {}).values()
        }
        if not basenames:
            return reason("order_needs_no_artwork", order_number=orders[0].number)
        names = sorted(sorted(basenames), key=natural_key)
        shown, more = names[:_MAX_NAMES_SHOWN], len(names) - _MAX_NAMES_SHOWN
        if more > 0:
            return reason("order_expects_more_names", order_number=orders[0].number, basenames=shown, more=more)
        return reason("order_expects_other_names", order_number=orders[0].number, basenames=shown)

    def settle_suggestions(
        self, outcomes: Iterable[FileOutcome], found: Collection[tuple[ItemKey, str]]
    ) -> list[FileOutcome]:
        """Remove the suggestions of prints that have a file, or that several near misses would get.

        Args:
            outcomes: Near misses with a suggestion, classified before the listing was complete.
            found: The items and placements that have a file, once the listing is complete.
        """
        outcomes = list(outcomes)
        names: defaultdict[str, list[str]] = defaultdict(list)
        for outcome in outcomes:
            names[_basename_of(outcome)].append(outcome.name)
        return [self._settle(outcome, names[_basename_of(outcome)], found) for outcome in outcomes]

    def _settle(
        self, outcome: FileOutcome, names: Sequence[str], found: Collection[tuple[ItemKey, str]]
    ) -> FileOutcome:
        basename = _basename_of(outcome)
        expected = self.expected.by_basename.get(nfc(basename))
        details = {"rules": outcome.details["rules"], "print": outcome.details["print"]}
        if expected is not None and (expected.key, expected.placement) in found:
            return evolve(outcome, because=reason("near_miss_has_file", **details), suggestion=None)
        if expected is not None and "item_left_out" in details["rules"]:
            # The order's number alone means the one print only if no other file can be that print.
            names = [*names, *(name for name in [self._unclear.get(expected.order.id)] if name is not None)]
        if len(names) == 1:
            return outcome
        others = [name for name in nsmallest(_MAX_NAMES_SHOWN + 1, names) if name != outcome.name][:_MAX_NAMES_SHOWN]
        because = reason("near_miss_of_several", **details, files=others, basename=basename)
        return evolve(outcome, because=because, suggestion=None)


def _basename_of(outcome: FileOutcome) -> str:
    """The expected name that is suggested, without its extension."""
    return split_extension(outcome.suggestion or "")[0]


def unsupported(name: str) -> FileOutcome:
    """The outcome of a file that is named like a print file, but whose extension is not that of a printed format."""
    clean = clean_name(name)
    extension = split_extension(name)[1]
    if "upload_not_finished" in clean.rules or is_unfinished(name):
        because = reason("wait_for_upload")
    elif clean.rules:
        because = reason("extension_to_correct", rules=list(clean.rules), extension=clean.extension.lower())
    elif extension:
        because = reason("format_not_printed", extension=_as_text(extension))
    else:
        because = reason("no_extension")
    return _outcome(name, FileStatus.UNSUPPORTED, because)


_SEPARATORS = re.compile(r"[\\/]+")
_MAX_KEY_SHOWN = 1024


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")


def _outcome(name: str, status: FileStatus, because: Reason, suggestion: str | None = None) -> FileOutcome:
    """The outcome of a file."""
    return FileOutcome(name=_as_text(name), status=status, because=because, suggestion=suggestion)


def _as_text(name: str) -> str:
    """A name in which bytes that are not valid text are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
