"""The values that travel through the house: orders, their items, and the files that belong to them."""

from __future__ import annotations

import enum
import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import Attribute, evolve, field, frozen

from remote_artwork.errors import InvalidOrder

DEFAULT_PLACEMENT = "default"
DEFAULT_PLACEMENTS = (DEFAULT_PLACEMENT,)

MEDIA_TYPES: Mapping[str, str] = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "pdf": "application/pdf",
}
"""The extensions a print file may have, in lower case, and what each promises."""


class OrderState(enum.StrEnum):
    """What the host says of an order; only ``PENDING`` ones are ours to work on."""

    PENDING = "pending"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    OTHER = "other"


class Recovery(enum.StrEnum):
    """What a client promises about a fulfill call whose outcome is unknown."""

    IDEMPOTENT = "idempotent"
    """A repeat with the same idempotency key has no second effect."""
    QUERYABLE = "queryable"
    """``get_order`` tells the truth once ``call_limit`` has passed."""
    NONE = "none"
    """Neither: a person has to look."""


class Attaching(enum.StrEnum):
    """How a client takes artwork."""

    SEPARATE = "separate"
    """``attach_artwork`` sets it, ``fulfill`` confirms the order."""
    WITH_FULFILL = "with_fulfill"
    """``fulfill`` does both in one atomic call; ``attach_artwork`` is never called."""


def _text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    where = f"{type(instance).__name__}.{attribute.name}"
    if not isinstance(value, str) or not value.strip():
        raise InvalidOrder(f"{where} must be text that is not empty, not {value!r}")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise InvalidOrder(f"{where} holds a control character or half a character: {value!r}")


def _optional_text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value != "":
        _text(instance, attribute, value)


def _text_or_none(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None:
        _text(instance, attribute, value)


def _or_empty(value: str | None) -> str:
    return "" if value is None else value


def _whole_from_one(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is None and attribute.default is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidOrder(f"{type(instance).__name__}.{attribute.name} must be a whole number from 1, not {value!r}")


def _placements(_instance: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    if not value:
        raise InvalidOrder("OrderItem.placements is empty: an item without artwork has requires_artwork=False")
    for placement in value:
        _text(_instance, attribute, placement)
    if len(set(value)) != len(value):
        raise InvalidOrder(f"OrderItem.placements names a placement twice: {list(value)}")


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


def _as_print_size(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _flag(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise InvalidOrder(f"{type(instance).__name__}.{attribute.name} must be true or false, not {value!r}")


@frozen
class OrderItem:
    """One line of an order. One file per placement serves the line's whole quantity.

    Args:
        number: What ``{order_item_number}`` stands for in a file name.
        id: The host's own id of the line; ``number`` unless told.
        position: Its place in the order, from 1; counted by ``Order`` unless told.
        requires_artwork: False for a line that needs no print file.
        placements: The sides that each need a file of their own.
        quantity: How many are made.
        print_size_mm: (width, height) of the print in millimetres.

    Raises:
        InvalidOrder: A value is not of its form.
    """

    number: str = field(validator=_text)
    id: str = field(default="", kw_only=True, converter=_or_empty, validator=_optional_text)
    position: int | None = field(default=None, kw_only=True, validator=_whole_from_one)
    requires_artwork: bool = field(default=True, kw_only=True, validator=_flag)
    placements: tuple[str, ...] = field(
        default=DEFAULT_PLACEMENTS, kw_only=True, converter=_as_placements, validator=_placements
    )
    quantity: int = field(default=1, kw_only=True, validator=_whole_from_one)
    print_size_mm: tuple[float, float] | None = field(
        default=None, kw_only=True, converter=_as_print_size, validator=_print_size
    )

    def __attrs_post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.number)


def _numbered(items: Any) -> tuple[OrderItem, ...]:
    listed = tuple(items) if isinstance(items, Iterable) else None
    if listed is None or not all(isinstance(item, OrderItem) for item in listed):
        raise InvalidOrder(f"Order.items must be a list of OrderItem, not {items!r}")
    return tuple(
        item if item.position is not None else evolve(item, position=place)
        for place, item in enumerate(listed, start=1)
    )


def _as_state(value: Any) -> OrderState:
    try:
        return OrderState(value)
    except ValueError:
        raise InvalidOrder(f"Order.state is one of {', '.join(OrderState)}, not {value!r}") from None


def _distinct_items(_instance: Order, _attribute: Attribute[Any], value: tuple[OrderItem, ...]) -> None:
    seen: set[str] = set()
    for item in value:
        if item.number in seen:
            raise InvalidOrder(f"order {_instance.number!r} names item {item.number!r} twice")
        seen.add(item.number)


@frozen
class Order:
    """One order as the host tells it.

    Args:
        number: What ``{order_number}`` stands for in a file name.
        items: Its lines; one without a position is numbered by its place, from 1.
        id: The host's own id; ``number`` unless told. Two orders may share a number, never an id.
        state: Only ``PENDING`` orders are worked on.
        approval: Tells a second approval of the same order apart from the first.
        created_at: Since when the order waits, with a time zone.
        fulfillment_key: The idempotency key the host has stored with a fulfilled order, where it stores one.

    Raises:
        InvalidOrder: A value is not of its form, or an item number is repeated.
    """

    number: str = field(validator=_text)
    items: tuple[OrderItem, ...] = field(converter=_numbered, validator=_distinct_items)
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
        """Digest of what is asked for: each item's number, id, placements, quantity, print size, need of artwork."""
        items = sorted(
            (i.number, i.id, i.placements, i.quantity, i.requires_artwork, i.print_size_mm) for i in self.items
        )
        return hashlib.sha256(json.dumps([self.number, self.approval, items]).encode()).hexdigest()

    def same_work(self, other: Order, *, positions: bool = False) -> bool:
        """Whether ``other`` asks for the same prints; with ``positions``, also at the same places in the order."""
        return (self.id, self.work) == (other.id, other.work) and (
            not positions or {i.number: i.position for i in self.items} == {i.number: i.position for i in other.items}
        )


@frozen(kw_only=True)
class StoredFile:
    """One file of a storage location, as a listing or a stat tells it.

    Args:
        name: Its key relative to the location's folder.
        size: Bytes.
        etag: An opaque change token, the same in a listing and in a stat; not a checksum.
        version_id: The storage's version id or generation, where it keeps versions and told it.
        last_modified: As the storage tells it; shown to people, decides nothing.
    """

    name: str
    size: int
    etag: str
    version_id: str | None = None
    last_modified: datetime | None = None

    @property
    def version(self) -> str:
        """The most precise name of these very bytes that the storage gives."""
        return self.version_id or self.etag

    @property
    def extension(self) -> str:
        """The extension in lower case, without the dot."""
        return self.name.rpartition(".")[2].lower()


@frozen(kw_only=True)
class Artwork:
    """A checked file, as a host receives it.

    Args:
        name: Its key relative to the location's folder.
        url: Where the host downloads it; signed for private locations. Never stored by this library.
        expires_at: Until when ``url`` works; None: as long as the file is there.
        placement: The side of the product it is for.
        media_type: ``image/jpeg``, ``image/png`` or ``application/pdf``.
        size: Bytes.
        version: Version id or generation, else the ETag.
        last_modified: As the storage tells it.
        sha256: Of the whole file in hex, where a check read all of it.
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
"""Item number → its artworks, one a placement, in the order of the item's placements."""
