"""Expected files: the name of every file that a pending order needs, and the conflicts between those names."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from attrs import field, frozen

from remote_artwork.core.manifest import Assignments, ManifestRow
from remote_artwork.core.orders import DEFAULT_PLACEMENTS, Order, OrderItem
from remote_artwork.core.pattern import PLACEMENT, SKU, FilenamePattern, sku_problem
from remote_artwork.core.reasons import Explained, Reason, reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.core.text import nfc

ItemKey = tuple[str, str]
"""(order id, item number)"""


@frozen
class ExpectedFile:
    """One file that an item needs.

    Args:
        order: The order.
        item: The item of the order.
        placement: The placement that the file is for.
        basename: The name of the file without its extension, as the pattern renders it.
    """

    order: Order
    item: OrderItem
    placement: str
    basename: str

    @property
    def key(self) -> ItemKey:
        """The item's key."""
        return self.order.id, self.item.number

    @property
    def details(self) -> dict[str, Any]:
        """The field ``print`` of a reason. Its placement is None if the item has only one.

        ``label`` names the item in the words of the shop. It is left out if the shop gives none.
        """
        item = self.item
        placement = None if len(item.placements) == 1 else self.placement
        label = {"label": item.label} if item.title or item.sku else {}
        return {"order_number": self.order.number, "item_number": item.number, "placement": placement, **label}


@frozen(kw_only=True)
class Exclusion(Explained):
    """Why the library does not use any file for an item.

    Args:
        status: The status of the item.
        because: The reason.
    """

    status: ItemStatus
    because: Reason
    notes: tuple[Reason, ...] = ()


@frozen(kw_only=True)
class SearchQuery:
    """The names to search for in a storage.

    Args:
        basenames: Expected names without extension, sorted. The storage may keep them as given, in NFC or in NFD.
        names: Further names with extension, searched for exactly as given.
        case_matters: Those basenames that contain an order number or a SKU with letters. Another one may differ only
            in case, so a storage that ignores case cannot show whose file it has.
    """

    basenames: Sequence[str] = ()
    names: Sequence[str] = ()
    case_matters: Collection[str] = frozenset()


@frozen(kw_only=True)
class ExpectedFiles:
    """The expected files of all pending orders.

    Args:
        by_basename: Basename in NFC → the one file with this name. If several prints share it, the first of them.
        shared: Basename in NFC → all prints that share the file with this name, if there are several. Only a reusable
            pattern has such names.
        ambiguous: Basename in NFC → the files with this name, if at least one of their items is excluded. None of them
            is used.
        excluded: Items for which no file is used, and why.
        basenames: Item → placement → basename.
        named: Item → placement → the row of the manifest that names its file.
    """

    by_basename: Mapping[str, ExpectedFile] = field(factory=dict)
    shared: Mapping[str, tuple[ExpectedFile, ...]] = field(factory=dict)
    ambiguous: Mapping[str, tuple[ExpectedFile, ...]] = field(factory=dict)
    excluded: Mapping[ItemKey, Exclusion] = field(factory=dict)
    basenames: Mapping[ItemKey, Mapping[str, str]] = field(factory=dict)
    named: Mapping[ItemKey, Mapping[str, ManifestRow]] = field(factory=dict)

    def basenames_of(self, order: Order) -> list[str]:
        """The basenames of all files that the order expects."""
        return [name for item in order.items for name in self.basenames.get((order.id, item.number), {}).values()]

    def prints_of(self, basename: str) -> tuple[ExpectedFile, ...]:
        """All prints that the file with this expected name is for. ``basename`` is in NFC, and in ``by_basename``."""
        return self.shared.get(basename) or (self.by_basename[basename],)

    def details_of(self, file: ExpectedFile) -> dict[str, Any]:
        """As ``file.details``, with ``more``: how many other prints share the file, if any do."""
        others = len(self.shared.get(nfc(file.basename), ())) - 1
        return {**file.details, "more": others} if others > 0 else file.details

    def query(self, names: Iterable[str] = (), *, orders: Collection[str] | None = None) -> SearchQuery:
        """What to search for in the storage.

        Args:
            names: Further names with extension.
            orders: The order numbers to search for; None: all pending orders.
        """
        files = chain(self.by_basename.values(), *self.shared.values(), *self.ambiguous.values())
        wanted = [file for file in files if orders is None or file.order.number in orders]
        return SearchQuery(
            basenames=sorted({_search_form(file.basename) for file in wanted}),
            names=sorted(names),
            case_matters=frozenset(
                _search_form(file.basename)
                for file in wanted
                for value in (file.order.number, file.item.sku or "")
                if value.swapcase() != value and value in file.basename
            ),
        )


def _search_form(basename: str) -> str:
    """The basename in NFC; unchanged if it is neither NFC nor NFD, because its own form would not be searched then."""
    return nfc(basename) if unicodedata.is_normalized("NFD", basename) else basename


def split_extension(name: str) -> tuple[str, str]:
    """Split a file name into basename and extension. A dot in a folder's name does not start an extension."""
    basename, dot, extension = name.rpartition(".")
    return (basename, extension) if dot and "/" not in extension else (name, "")


def expect_files(
    orders: Iterable[Order],
    pattern: FilenamePattern,
    *,
    other_numbers: Iterable[tuple[str, str]] = (),
    assigned: Assignments | None = None,
) -> ExpectedFiles:
    """Render the name of every file that the orders need, and exclude the items whose names are not unique.

    Args:
        orders: All pending orders.
        pattern: The pattern of the names.
        other_numbers: Number and id of further orders that a file may belong to, and whose items are not known.
        assigned: What the manifest says. A row replaces the name that the pattern renders.
    """
    assigned = assigned or Assignments()
    orders = tuple(orders)
    excluded = _excluded_by_manifest(orders, assigned)
    basenames: defaultdict[ItemKey, dict[str, str]] = defaultdict(dict)
    by_name: defaultdict[str, list[ExpectedFile]] = defaultdict(list)
    ids_by_number: defaultdict[str, list[str]] = defaultdict(list)
    for number, order_id in other_numbers:
        ids_by_number[nfc(number)].append(order_id)
    for order in orders:
        ids_by_number[nfc(order.number)].append(order.id)
        for item, placement in needed_prints(order):
            row = assigned.rows.get((order.id, item.number), {}).get(placement)
            try:
                basename = split_extension(row.file)[0] if row else pattern.render(order, item, placement)
            except ValueError as error:
                because = _name_not_possible(item, pattern, error)
                excluded[order.id, item.number] = Exclusion(status=ItemStatus.FAILED, because=because)
            else:
                basenames[order.id, item.number][placement] = basename
                by_name[nfc(basename)].append(ExpectedFile(order, item, placement, basename))
    for _, files in sorted(by_name.items()):
        files.sort(key=lambda file: (file.key, file.placement))
        for key, exclusion in _exclusions(files, pattern, ids_by_number):
            excluded.setdefault(key, exclusion)
    usable, shared, ambiguous = _by_use(by_name, pattern, excluded)
    return ExpectedFiles(
        by_basename=usable,
        shared=shared,
        ambiguous=ambiguous,
        excluded=excluded,
        basenames=dict(basenames),
        named=assigned.rows,
    )


def _exclusions(
    files: Sequence[ExpectedFile], pattern: FilenamePattern, ids_by_number: Mapping[str, Sequence[str]]
) -> Iterator[tuple[ItemKey, Exclusion]]:
    """The items that expect one name and get no file, and why.

    A reusable pattern gives one name only to prints of one SKU and placement, unless it leaves out the placement.
    """
    if pattern.is_reusable:
        if not pattern.uses(PLACEMENT):
            sides = [file for file in files if file.item.placements != DEFAULT_PLACEMENTS]
            yield from ((file.key, _placements_share_name(file, pattern)) for file in sides)
        return
    for file in files:
        order_ids = ids_by_number[nfc(file.order.number)]
        if len(order_ids) > 1:
            yield file.key, _number_not_unique(file.order, order_ids)
        elif len(files) > 1:
            yield file.key, _name_not_unique(file, files, pattern)


def _by_use(
    by_name: Mapping[str, Sequence[ExpectedFile]], pattern: FilenamePattern, excluded: Container[ItemKey]
) -> tuple[dict[str, ExpectedFile], dict[str, tuple[ExpectedFile, ...]], dict[str, tuple[ExpectedFile, ...]]]:
    """As ``ExpectedFiles.by_basename``, ``shared`` and ``ambiguous``. There may be very many names."""
    usable: dict[str, ExpectedFile] = {}
    shared: dict[str, tuple[ExpectedFile, ...]] = {}
    ambiguous: dict[str, tuple[ExpectedFile, ...]] = {}
    for name, files in by_name.items():
        served = [file for file in files if file.key not in excluded]
        # A file that is not reused must have no other claimant.
        if not served or (len(served) < len(files) and not pattern.is_reusable):
            ambiguous[name] = tuple(files)
            continue
        usable[name] = served[0]
        if len(served) > 1:
            shared[name] = tuple(served)
    return usable, shared, ambiguous


def _name_not_possible(item: OrderItem, pattern: FilenamePattern, error: ValueError) -> Reason:
    """Why no file can be for an item. Its SKU is named if that is the cause."""
    if not pattern.uses(SKU) or sku_problem(item.sku) is None:
        return reason("name_not_possible", error=str(error))
    if item.sku is None:
        return reason("sku_missing", pattern=str(pattern))
    return reason("sku_not_possible", error=str(error))


def _excluded_by_manifest(orders: Iterable[Order], assigned: Assignments) -> dict[ItemKey, Exclusion]:
    """All items of the orders whose rows cannot be used."""
    excluded: dict[ItemKey, Exclusion] = {}
    for order in orders:
        if problems := assigned.problems.get(order.id):
            exclusion = Exclusion(status=ItemStatus.CONFLICT, because=problems[0], notes=tuple(problems[1:]))
            excluded |= {(order.id, item.number): exclusion for item in order.items}
    return excluded


def needed_prints(order: Order) -> Iterable[tuple[OrderItem, str]]:
    """Item and placement of each print that needs a file."""
    return ((item, placement) for item in order.items if item.requires_artwork for placement in item.placements)


def _number_not_unique(order: Order, order_ids: Iterable[str]) -> Exclusion:
    because = reason("number_not_unique", order_number=order.number, order_ids=sorted(order_ids))
    return Exclusion(status=ItemStatus.CONFLICT, because=because)


def _name_not_unique(file: ExpectedFile, files: Iterable[ExpectedFile], pattern: FilenamePattern) -> Exclusion:
    others = [other.details for other in files if other.key != file.key]
    if others:
        because = reason("name_not_unique", basename=file.basename, others=others)
    else:
        return _placements_share_name(file, pattern)
    return Exclusion(status=ItemStatus.CONFLICT, because=because)


def _placements_share_name(file: ExpectedFile, pattern: FilenamePattern) -> Exclusion:
    because = reason("placements_share_name", pattern=str(pattern), basename=file.basename)
    return Exclusion(status=ItemStatus.CONFLICT, because=because)
