"""The main values: orders, their items, stored files and artwork."""

from __future__ import annotations

import enum
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any

from attrs import Attribute, field, frozen
from attrs.converters import optional

from remote_artwork.core.text import nfc
from remote_artwork.errors import InvalidOrder

DEFAULT_PLACEMENT = "default"
DEFAULT_PLACEMENTS = (DEFAULT_PLACEMENT,)

MEDIA_TYPES: Mapping[str, str] = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "pdf": "application/pdf",
}
"""Extension of a print file, in lower case → media type."""


class OrderState(enum.StrEnum):
    """The state of an order in the shop. Only ``PENDING`` orders are processed."""

    PENDING = "pending"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    OTHER = "other"


class Recovery(enum.StrEnum):
    """What a client guarantees about a ``fulfill`` call whose outcome is unknown."""

    IDEMPOTENT = "idempotent"
    """A second call with the same idempotency key has no second effect."""
    QUERYABLE = "queryable"
    """``get_order`` returns the true state once ``call_limit`` has passed."""
    NONE = "none"
    """Neither: a person has to check the order in the shop."""


class Attaching(enum.StrEnum):
    """How a client attaches artwork."""

    SEPARATE = "separate"
    """``attach_artwork`` attaches the files of one item, ``fulfill`` confirms the order."""
    PER_ORDER = "per_order"
    """``attach_order`` attaches the files of all items in one call, ``fulfill`` confirms the order."""
    WITH_FULFILL = "with_fulfill"
    """``fulfill`` does both in one atomic call; nothing else attaches files."""


def _text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    field_name = f"{type(instance).__name__}.{attribute.name}"
    if not isinstance(value, str) or not value.strip():
        raise InvalidOrder(f"{field_name} must be text that is not empty, not {value!r}")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise InvalidOrder(f"{field_name} contains a control character or an unpaired surrogate: {value!r}")


def _optional_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value != "":
        _text(instance, attribute, value)


def _text_or_none(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None:
        _text(instance, attribute, value)


def _words(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise InvalidOrder(f"{type(instance).__name__}.{attribute.name} must be text, not {value!r}")


def _words_or_none(value: Any) -> Any:
    return (" ".join(value.split()) or None) if isinstance(value, str) else value


def _trimmed_or_none(value: Any) -> Any:
    return (value.strip() or None) if isinstance(value, str) else value


def _or_empty(value: str | None) -> str:
    return "" if value is None else value


def _as_text(value: object) -> str:
    return "" if value is None else str(value)


def is_positive_int(value: object) -> bool:
    """Whether the value is a whole number from 1. True is not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _positive_int(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is None and attribute.default is None:
        return
    if not is_positive_int(value):
        raise InvalidOrder(f"{type(instance).__name__}.{attribute.name} must be a whole number from 1, not {value!r}")


def _placements(_instance: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    if not value:
        raise InvalidOrder("OrderItem.placements is empty; use requires_artwork=False for an item without artwork")
    for placement in value:
        _text(_instance, attribute, placement)
    if len(set(value)) != len(value):
        raise InvalidOrder(f"OrderItem.placements contains a placement twice: {list(value)}")


def _as_placements(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidOrder(f"OrderItem.placements must be a list of names, not {value!r}")
    return tuple(value)


def _print_size(_instance: Any, _attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, tuple) or len(value) != 2 or not all(map(_is_length, value)):
        raise InvalidOrder(f"OrderItem.print_size_mm must be (width, height) above 0, not {value!r}")


def _is_length(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _as_pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _pixels(_instance: Any, _attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, tuple) or len(value) != 2 or not all(map(is_positive_int, value)):
        raise InvalidOrder(f"OrderItem.min_pixels must be (width, height) in whole numbers from 1, not {value!r}")


_SHA256 = re.compile(r"[0-9a-f]{64}")


def _as_lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _sha256(instance: OrderItem, _attribute: Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise InvalidOrder(f"OrderItem.sha256 must be 64 hexadecimal digits, not {value!r}")
    if len(instance.placements) > 1:
        raise InvalidOrder(
            f"OrderItem.sha256 is the digest of one file, but the item has {len(instance.placements)} placements; "
            "leave it out"
        )


def _flag(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise InvalidOrder(f"{type(instance).__name__}.{attribute.name} must be true or false, not {value!r}")


_LONGEST_TITLE = 60
"""Characters of a title that a label has."""


def item_label(number: str, *, position: int | None, title: str | None, sku: str | None) -> str:
    """An item in the words of its shop: position, title and SKU, for example ``2: Blue mug (MUG-B)``.

    If the shop gives neither a title nor a SKU, it is the item number.
    """
    sku = _words_or_none(sku)
    if title and len(title) > _LONGEST_TITLE:
        title = f"{title[:_LONGEST_TITLE]}…"
    words = f"{title} ({sku})" if title and sku else title or sku
    return ": ".join(filter(None, (str(position or ""), words))) if words else number


@frozen
class OrderItem:
    """One item of an order. It needs one file per placement, for its whole quantity.

    Args:
        number: The value of ``{order_item_number}`` in file names.
        id: The shop's id of the item; default: ``number``.
        position: The position in the order, from 1; default: counted by ``Order``.
        title: The name of the product, for reports. It may be any text.
        sku: The shop's SKU of the product, for reports and as the value of ``{sku}`` in file names. It may be any text.
        requires_artwork: False for an item that needs no print file.
        placements: The sides of the product that each need a file.
        quantity: The number of copies.
        print_size_mm: (width, height) of the print in millimeters.
        pages: The number of pages that each file must have. A picture has one.
        min_pixels: (width, height) that a picture must have at least. It may be rotated.
        sha256: The SHA-256 that the file must have, in hex. Only for an item with one placement.

    Raises:
        InvalidOrder: A value is invalid.
    """

    number: str = field(validator=_text)
    id: str = field(default="", kw_only=True, converter=_or_empty, validator=_optional_text)
    position: int | None = field(default=None, kw_only=True, validator=_positive_int)
    title: str | None = field(default=None, kw_only=True, converter=_words_or_none, validator=_words)
    sku: str | None = field(default=None, kw_only=True, converter=_trimmed_or_none, validator=_words)
    requires_artwork: bool = field(default=True, kw_only=True, validator=_flag)
    placements: tuple[str, ...] = field(
        default=DEFAULT_PLACEMENTS, kw_only=True, converter=_as_placements, validator=_placements
    )
    quantity: int = field(default=1, kw_only=True, validator=_positive_int)
    print_size_mm: tuple[float, float] | None = field(
        default=None, kw_only=True, converter=_as_pair, validator=_print_size
    )
    pages: int | None = field(default=None, kw_only=True, validator=_positive_int)
    min_pixels: tuple[int, int] | None = field(default=None, kw_only=True, converter=_as_pair, validator=_pixels)
    sha256: str | None = field(default=None, kw_only=True, converter=_as_lower, validator=_sha256)

    def __attrs_post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.number)

    @property
    def label(self) -> str:
        """The item in the words of its shop, for reports: see ``ItemOutcome.label``."""
        return item_label(self.number, position=self.position, title=self.title, sku=self.sku)

    @property
    def contract(self) -> tuple[object, ...]:
        """What each file must have: the values that its checks depend on."""
        return (self.print_size_mm, self.pages, self.min_pixels, self.sha256)


def _with_positions(items: Any) -> tuple[OrderItem, ...]:
    listed = tuple(items) if isinstance(items, Iterable) else None
    if listed is None or not all(isinstance(item, OrderItem) for item in listed):
        raise InvalidOrder(f"Order.items must be a list of OrderItem, not {items!r}")
    return tuple(
        item if item.position is not None else _at_position(item, position)
        for position, item in enumerate(listed, start=1)
    )


def _at_position(item: OrderItem, position: int) -> OrderItem:
    """A copy, which is not validated again, because a shop may list many thousands."""
    placed = copy(item)
    object.__setattr__(placed, "position", position)
    return placed


def _as_state(value: Any) -> OrderState:
    try:
        return OrderState(value)
    except ValueError:
        raise InvalidOrder(f"Order.state must be one of {', '.join(OrderState)}, not {value!r}") from None


def _distinct_items(_instance: Order, _attribute: Attribute[Any], value: tuple[OrderItem, ...]) -> None:
    seen: set[str] = set()
    for item in value:
        if item.number in seen:
            raise InvalidOrder(f"order {_instance.number!r} contains item {item.number!r} twice")
        seen.add(item.number)


@frozen
class Order:
    """One order of the shop.

    Args:
        number: The value of ``{order_number}`` in file names.
        items: Its items. Items without a position are counted from 1.
        id: The shop's id of the order; default: ``number``. Two orders can share a number, but not an id.
        state: Only ``PENDING`` orders are processed.
        approval: Distinguishes a second approval of the same order from the first. Any text.
        created_at: When the order started to wait, with a time zone.
        fulfillment_key: The idempotency key that the shop stored when it fulfilled the order, if it stores one. It is
            proof that the order was sent, so the shop must store it in one step with the effect, or after it.

    Raises:
        InvalidOrder: A value is invalid, or two items have the same number.
    """

    number: str = field(validator=_text)
    items: tuple[OrderItem, ...] = field(converter=_with_positions, validator=_distinct_items)
    id: str = field(default="", kw_only=True, converter=_or_empty, validator=_optional_text)
    state: OrderState = field(default=OrderState.PENDING, kw_only=True, converter=_as_state)
    approval: str = field(default="", kw_only=True, validator=_optional_text)
    created_at: datetime | None = field(default=None, kw_only=True)
    fulfillment_key: str | None = field(default=None, kw_only=True, validator=_text_or_none)

    def __attrs_post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.number)

    @created_at.validator
    def _has_time_zone(self, _attribute: Attribute[Any], value: object) -> None:
        if value is not None and not (isinstance(value, datetime) and value.tzinfo is not None):
            raise InvalidOrder(f"order {self.number!r}: created_at must be a datetime with a time zone, not {value!r}")

    @property
    def work(self) -> str:
        """Digest of what is ordered: number, approval, and each item's number, id, placements, quantity, contract."""
        items = sorted((i.number, i.id, i.placements, i.quantity, i.requires_artwork, *i.contract) for i in self.items)
        return hashlib.sha256(json.dumps([self.number, self.approval, items]).encode()).hexdigest()

    def same_work(self, other: Order, *, positions: bool = False, skus: bool = False) -> bool:
        """Whether ``other`` orders the same prints.

        Args:
            other: The order as the shop returned it at another time.
            positions: Whether the items must also have the same positions.
            skus: Whether they must also have the same SKUs.
        """
        if (self.id, self.work) != (other.id, other.work):
            return False
        now = {item.number: item for item in other.items}
        return all(
            (not positions or item.position == now[item.number].position)
            and (not skus or nfc(item.sku or "") == nfc(now[item.number].sku or ""))
            for item in self.items
        )


@frozen(kw_only=True)
class UnreadableOrder:
    """A pending order that a client could not read. It takes the place of the ``Order`` in the list.

    The order gets an outcome in the report, and the other orders are processed. Orders that have its number are not
    sent, because a file with this number may belong to either of them.

    Args:
        error: What is wrong with the order, so that a person can correct it in the shop.
        id: The shop's id of the order; empty if it is not known.
        number: The number that its file names would have, as far as the shop gives one. Empty if the order has none.
            None if it is not known: then no other order is sent, unless numbers are known to be unique.

    Values of other types become text, so that this object is never the reason why a list cannot be read.
    """

    error: str = field(converter=_as_text)
    id: str = field(default="", converter=_as_text)
    number: str | None = field(default=None, converter=optional(_as_text))


@frozen(kw_only=True)
class StoredFile:
    """One file of a storage location, as a listing or a ``stat`` describes it.

    Args:
        name: The key relative to the location's folder.
        size: In bytes.
        etag: An opaque change token; not a checksum. ``FileRecord`` decides which tokens can be compared.
        version_id: The storage's version id or generation, if reads and URLs are pinned to it.
        last_modified: When the file last changed, by the storage's clock. It decides whether a file waits
            (``Policy.settle_for``) and which of several is the newest, never whether a scan looks at a file.
        changed_at: When content or attributes last changed, as the storage writes it. Only local folders report it.
        available_until: When the storage itself ends the access to the file; None: no end is known.
        listed: Whether a listing describes the file. Some storages have other change tokens in their listings.
        path_key: The ``path_key`` of its path in the storage, which does not depend on the location's folder.
    """

    name: str
    size: int
    etag: str
    version_id: str | None = None
    last_modified: datetime | None = None
    changed_at: str = ""
    available_until: datetime | None = field(default=None, eq=False)
    listed: bool = field(default=False, eq=False)
    path_key: str = field(default="", eq=False)

    @property
    def version(self) -> str:
        """The version id if there is one, else the ETag: identifies the content of the file."""
        return self.version_id or self.etag

    @property
    def extension(self) -> str:
        """The extension in lower case, without the dot."""
        return self.name.rpartition(".")[2].lower()


@frozen(kw_only=True)
class Artwork:
    """A checked file, as the shop receives it.

    Args:
        name: The key relative to the location's folder.
        url: Where the shop downloads the file; signed for private locations. This library never stores it.
        expires_at: When ``url`` stops working; None: it works as long as the file exists.
        placement: The side of the product that the file is for.
        media_type: ``image/jpeg``, ``image/png`` or ``application/pdf``.
        size: In bytes.
        version: The version id or generation, else the ETag.
        last_modified: When the file last changed, by the storage's clock.
        sha256: Of the whole file in hex, if the item demands one or a check in this scan read all of it.
    """

    name: str
    url: str = field(repr=False)
    expires_at: datetime | None = None
    placement: str = DEFAULT_PLACEMENT
    media_type: str
    size: int
    version: str
    last_modified: datetime | None = None
    sha256: str | None = None


ArtworkByItem = Mapping[str, Sequence[Artwork]]
"""Item number → its artworks, one per placement, in the order of the item's placements."""
