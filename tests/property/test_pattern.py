"""Names with any order number are rendered completely and can be parsed back."""

import unicodedata

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import FilenamePattern, basename_problem
from remote_artwork.errors import InvalidPattern

from .strategies import ITEMS, LETTERS, NUMBERS, PATTERNS

BOUNDED = settings(max_examples=300, deadline=None)
ITEM = OrderItem("2", sku="MUG", placements=("front",))


@BOUNDED
@given(PATTERNS, NUMBERS, ITEMS)
def test_a_rendered_name_has_no_flaw_and_its_own_numbers_are_among_its_readings(pattern, number, item):
    order = Order(number, [item])
    for placement in item.placements:
        try:
            stem = pattern.render(order, order.items[0], placement)
        except ValueError:
            assume(condition=False)
        assert basename_problem(stem) is None
        numbers = pattern.all_order_numbers(stem)
        assert numbers is None or pattern.is_reusable or unicodedata.normalize("NFC", number) in numbers
        values = {"order_number": number, "order_item_number": item.number, "placement": placement}
        values |= {"order_item_position": "1", "sku": item.sku or ""}
        if not any("/" in value for value in values.values()):
            own = {name: value for name, value in values.items() if pattern.uses(name)}
            plain = {name: value for name, value in own.items() if name != "placement"}
            assert own in pattern.readings(stem) or plain in pattern.readings(stem)
            assert pattern.fits(stem)


@BOUNDED
@given(PATTERNS, st.text(LETTERS + "xPRINTFAL", max_size=30))
def test_whatever_is_read_from_a_name_renders_to_it(pattern, stem):
    for reading in pattern.readings(stem):
        text = str(pattern)
        if "placement" in reading or not pattern.uses("placement"):
            text = text.replace("[", "").replace("]", "")
        else:
            text = text[: text.index("[")] + text[text.index("]") + 1 :]
        assert text.format(**reading) == stem


@BOUNDED
@given(
    st.lists(
        st.sampled_from(
            [
                "{order_number}",
                "{placement}",
                "{order_item_number}",
                "{sku}",
                "[",
                "]",
                "{",
                "}",
                "/",
                ".",
                "pdf",
                "_",
                "\\",
            ]
        ),
        max_size=7,
    ).map("".join)
)
def test_a_pattern_is_refused_at_a_position_or_renders_every_plain_order(text):
    order = Order("1", [ITEM])
    try:
        pattern = FilenamePattern(text)
    except InvalidPattern as error:
        position = int(str(error).split("position ")[-1].split(":")[0])
        assert 1 <= position <= len(text) + 1
    else:
        stem = pattern.render(order, order.items[0], "front")
        assert ("MUG" if pattern.is_reusable else "1") in stem
        assert pattern.fits(stem)
        assert pattern.text == unicodedata.normalize("NFC", text)
