"""A write to any orders file keeps every unknown field."""

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import remote_artwork as ra

OURS = {"number", "id", "status", "approval", "created_at", "fulfillment_key", "fulfilled_at", "receipt", "items"}
OURS |= {"position", "requires_artwork", "placements", "quantity", "print_size_mm", "artwork", "orders"}
OURS |= {"title", "sku", "pages", "min_pixels", "sha256"}


def letters(name):
    """What two names must not have in common: names that differ only in the rest are refused."""
    return "".join(c for c in name.lower() if c.isascii() and c.isalnum()).removesuffix("s")


OURS_IN_LETTERS = {letters(name) for name in OURS}

names = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: letters(name) not in OURS_IN_LETTERS)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
unknown = st.dictionaries(names, values, max_size=3)


@st.composite
def mixed(draw, known):
    """The known fields among unknown ones, in any order."""
    fields = list({**draw(unknown), **known}.items())
    return dict(draw(st.permutations(fields)))


@st.composite
def files(draw):
    orders = []
    for number in range(draw(st.integers(1, 3))):
        items = [draw(mixed({"number": str(n)})) for n in range(draw(st.integers(1, 2)))]
        orders.append(draw(mixed({"number": number, "status": "pending", "items": items})))
    layout = {
        "indent": draw(st.sampled_from([None, 0, 1, 4, "\t"])),
        "separators": draw(st.sampled_from([None, (",", ":"), (" , ", " : ")])),
        "ensure_ascii": draw(st.booleans()),
    }
    text = json.dumps(draw(mixed({"orders": orders})), **layout)
    return draw(st.sampled_from(["", "\ufeff"])) + text + draw(st.sampled_from(["", "\n", "\r\n "]))


def in_order(value):
    """Parse objects as lists of pairs, so that a comparison includes the order of fields."""
    if isinstance(value, dict):
        return [(key, in_order(inner)) for key, inner in value.items()]
    return [in_order(inner) for inner in value] if isinstance(value, list) else value


def without_ours(whole, place):
    order = whole["orders"][place]
    for name in ("status", "fulfillment_key", "fulfilled_at", "receipt"):
        order.pop(name, None)
    for item in order["items"]:
        item.pop("artwork", None)
    return in_order(whole)


@settings(deadline=None)
@given(files(), st.data())
def test_unknown_fields_are_kept_in_place_and_in_order(text, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orders.json")
        path.write_text(text, encoding="utf-8", newline="")
        client = ra.OrdersFile(path)
        orders = list(client.pending_orders())
        place = data.draw(st.integers(0, len(orders) - 1))
        piece = ra.Artwork(name="é.png", url="u", media_type="image/png", size=1, version="v")
        artworks = {item.number: [piece] for item in orders[place].items}
        item = orders[place].items[0]
        client.attach_artwork(orders[place], item, [piece, piece], idempotency_key="a")
        client.fulfill(orders[place], artworks, idempotency_key="f")
        written = path.read_bytes().decode()
    before, after = json.loads(text.removeprefix("\ufeff")), json.loads(written.removeprefix("\ufeff"))
    assert after["orders"][place]["status"] == "fulfilled"
    assert all(len(line["artwork"]) == 1 for line in after["orders"][place]["items"])
    assert without_ours(after, place) == without_ours(before, place)
    assert written.startswith("\ufeff") == text.startswith("\ufeff")
    assert written[len(written.rstrip()) :] == text[len(text.rstrip()) :]
