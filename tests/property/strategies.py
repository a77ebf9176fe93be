"""Adversarial orders, patterns and listings: separators in numbers, odd characters, duplicate numbers."""

from attrs import frozen
from hypothesis import strategies as st

from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import FilenamePattern

LETTERS = "a1_-. #%[]{}éA\u0301１/"
"""Few, so that names collide often: separators, case, zeros, both forms of é, a full-width digit, a folder."""

NUMBERS = st.one_of(
    st.text(LETTERS, min_size=1, max_size=4),
    st.from_regex(r"#?[0-9]{1,2}(_[0-9])?", fullmatch=True),
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=3),
).filter(lambda text: bool(text.strip()))
PLACEMENTS = st.lists(st.sampled_from(["default", "front", "back", "a", "1"]), min_size=1, max_size=2, unique=True)
SKUS = st.one_of(st.none(), st.sampled_from(["MUG", "MUG_front", "mug", "é", "e\u0301", "a\nb"]), NUMBERS)
ITEMS = st.builds(
    OrderItem, NUMBERS, sku=SKUS, placements=PLACEMENTS, requires_artwork=st.sampled_from([True, True, True, False])
)


@st.composite
def order_lists(draw, *, most=4):
    """Orders with distinct ids; numbers may be shared."""
    count = draw(st.integers(1, most))
    items = st.lists(ITEMS, min_size=1, max_size=3, unique_by=lambda item: item.number)
    return [Order(draw(NUMBERS), draw(items), id=f"id-{place}") for place in range(count)]


PATTERNS = st.sampled_from(
    [
        "{order_number}_{order_item_number}",
        "{order_number}_{order_item_number}[_{placement}]",
        "PRINT_{order_number}_FINAL_{order_item_position}",
        "{order_number}/{order_item_number}[/{placement}]",
        "{order_number}/{order_number}-{order_item_number}",
        "[{placement}/]{order_number}{order_item_number}",
        "{order_number}",
        "é.{order_item_number}.{order_number}",
        "{order_number}_{sku}",
        "{sku}",
        "PRINT-{sku}[/{placement}]",
        "[{placement}/]{sku}",
    ]
).map(FilenamePattern)

EXTENSIONS = st.sampled_from(["pdf", "jpg", "JPEG", "png", "Png"])


@frozen
class World:
    """A pattern, the pending orders, and what the storage lists."""

    pattern: FilenamePattern
    orders: list[Order]
    names: list[str]


@st.composite
def worlds(draw):
    """Listings of expected names, of names that are nearly so, and of others."""
    pattern, orders = draw(PATTERNS), draw(order_lists())
    stems = [stem for order in orders for stem in rendered(pattern, order)]
    spoil = st.sampled_from(["{}", "{}", "{}.pdf", " {}", "#{}", "{} (1)", "{}_2", "0{}", "x/{}"])
    likely = st.builds(str.format, spoil, st.sampled_from(stems)) if stems else st.nothing()
    stem = st.one_of(likely, st.text(LETTERS, max_size=6))
    extension = st.one_of(EXTENSIONS, st.sampled_from(["tiff", "part", "", "txt"]))
    names = draw(st.lists(st.builds("{}.{}".format, stem, extension), max_size=8, unique=True))
    return World(pattern, orders, names)


def rendered(pattern, order):
    """The names of an order's files, as far as they can be rendered."""
    stems = []
    for item in order.items:
        for placement in item.placements:
            try:
                stems.append(pattern.render(order, item, placement))
            except ValueError:
                continue
    return stems
