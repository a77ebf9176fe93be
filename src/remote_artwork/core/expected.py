"""What is awaited: the expected name of every file that a pending order still needs."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

from attrs import field, frozen

from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.reasons import Explained, Reason, reason
from remote_artwork.core.report import ItemStatus

ItemKey = tuple[str, str]
"""(order id, item number)"""


@frozen
class ExpectedFile:
    """One awaited file: an item of an order, and the placement it is for."""

    order: Order
    item: OrderItem
    placement: str
    stem: str

    @property
    def key(self) -> ItemKey:
        """Which item it belongs to."""
        return self.order.id, self.item.number

    @property
    def details(self) -> dict[str, str | None]:
        """The print it is for, as the field of a reason; no placement where the item has only one."""
        placement = None if len(self.item.placements) == 1 else self.placement
        return {"order_number": self.order.number, "item_number": self.item.number, "placement": placement}

    def __str__(self) -> str:
        side = "" if len(self.item.placements) == 1 else f" ({self.placement})"
        return f"item {self.item.number} of order {self.order.number}{side}"


@frozen(kw_only=True)
class Refusal(Explained):
    """Why an item is not looked for at all."""

    status: ItemStatus
    because: Reason
    notes: tuple[Reason, ...] = ()


@frozen(kw_only=True)
class SearchQuery:
    """What a look through a location is for.

    Args:
        stems: Expected names without extension, sorted; their files may lie there as spelled here, in NFC or in NFD.
        names: Whole names besides, looked for as they are.
    """

    stems: Sequence[str] = ()
    names: Sequence[str] = ()


@frozen(kw_only=True)
class ExpectedFiles:
    """Expected names of the pending orders.

    Args:
        slots: Stem in NFC → the one item that expects it.
        contested: Stem in NFC → the items that expect it and are refused: none of them is served.
        refusals: Items that are not looked for, and why.
        stems: Item → placement → the name it expects, without the extension.
    """

    slots: Mapping[str, ExpectedFile] = field(factory=dict)
    ambiguous: Mapping[str, tuple[ExpectedFile, ...]] = field(factory=dict)
    refusals: Mapping[ItemKey, Refusal] = field(factory=dict)
    stems: Mapping[ItemKey, Mapping[str, str]] = field(factory=dict)

    def wanted(self, names: Iterable[str] = (), *, orders: Collection[str] | None = None) -> SearchQuery:
        """What a storage is asked for: all of it, or what the orders of these numbers expect, and ``names`` besides."""
        slots = chain(self.slots.values(), *self.ambiguous.values())
        stems = {_asked_for(slot.stem) for slot in slots if orders is None or slot.order.number in orders}
        return SearchQuery(stems=sorted(stems), names=sorted(names))


def _asked_for(stem: str) -> str:
    """A stem in NFC, or as the shop spells it where that is neither NFC nor NFD, and its NFC would not tell of it."""
    return canonical(stem) if unicodedata.is_normalized("NFD", stem) else stem


def canonical(stem: str) -> str:
    """The form in which stems are compared: NFC, nothing else."""
    return stem if stem.isascii() else unicodedata.normalize("NFC", stem)


def split_extension(name: str) -> tuple[str, str]:
    """A listed name as stem and extension; a dot in the name of a folder begins none."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension) if dot and "/" not in extension else (name, "")


def await_orders(orders: Iterable[Order], pattern: FilenamePattern) -> ExpectedFiles:
    """Renders the expected names of every item that requires artwork, and finds the collisions among them."""
    orders = tuple(orders)
    refusals: dict[ItemKey, Refusal] = {}
    stems: defaultdict[ItemKey, dict[str, str]] = defaultdict(dict)
    by_stem: defaultdict[str, list[ExpectedFile]] = defaultdict(list)
    ids_by_number: defaultdict[str, list[str]] = defaultdict(list)
    for order in orders:
        ids_by_number[canonical(order.number)].append(order.id)
        for item, placement in _needed(order):
            try:
                stem = pattern.render(order, item, placement)
            except ValueError as error:
                because = reason("name_not_possible", error=str(error))
                refusals[order.id, item.number] = Refusal(status=ItemStatus.FAILED, because=because)
            else:
                stems[order.id, item.number][placement] = stem
                by_stem[canonical(stem)].append(ExpectedFile(order, item, placement, stem))
    for _, slots in sorted(by_stem.items()):
        slots.sort(key=lambda slot: (slot.key, slot.placement))
        for slot in slots:
            ids = ids_by_number[canonical(slot.order.number)]
            if len(ids) > 1:
                refusals.setdefault(slot.key, _number_of_several(slot.order, ids))
            elif len(slots) > 1:
                refusals.setdefault(slot.key, _name_of_several(slot, slots, pattern))
    served = {stem: slots[0] for stem, slots in by_stem.items() if not any(slot.key in refusals for slot in slots)}
    ambiguous = {stem: tuple(slots) for stem, slots in by_stem.items() if stem not in served}
    return ExpectedFiles(slots=served, ambiguous=ambiguous, refusals=refusals, stems=dict(stems))


def _needed(order: Order) -> Iterable[tuple[OrderItem, str]]:
    return ((item, placement) for item in order.items if item.requires_artwork for placement in item.placements)


def _number_of_several(order: Order, ids: Iterable[str]) -> Refusal:
    because = reason("number_not_unique", order_number=order.number, order_ids=sorted(ids))
    return Refusal(status=ItemStatus.CONFLICT, because=because)


def _name_of_several(slot: ExpectedFile, slots: Iterable[ExpectedFile], pattern: FilenamePattern) -> Refusal:
    others = sorted(str(other) for other in slots if other.key != slot.key)
    if others:
        because = reason("name_not_unique", basename=slot.stem, others=others)
    else:
        because = reason("placements_share_name", pattern=str(pattern), basename=slot.stem)
    return Refusal(status=ItemStatus.CONFLICT, because=because)
