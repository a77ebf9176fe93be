"""Near misses of random names: never silent about a pending order, never sure about a word that nobody knows."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from remote_artwork.core.expected import expect_files
from remote_artwork.core.orders import Order, OrderItem
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.unmatched import UnmatchedClassifier

PATTERN = FilenamePattern()
NUMBERS = st.one_of(
    st.integers(1000, 9_999_999).map(str),
    st.builds("{}-{}".format, st.sampled_from(["A", "DE", "ORD"]), st.integers(1000, 999_999)),
    st.builds("20{:02}-{:04}".format, st.integers(0, 99), st.integers(0, 9999)),
)
ITEMS = st.lists(st.sampled_from(["1", "2", "3", "x"]), min_size=1, max_size=3, unique=True)
ORDERS = st.lists(
    st.tuples(NUMBERS, ITEMS), min_size=1, max_size=5, unique_by=lambda order: order[0].replace("-", "").lower()
)
SEPARATORS = st.sampled_from(["_", "-", " ", ".", "__", " - ", "#", "\u2013", "\u200b_", "/"])
WORDS = st.text("qwzj", min_size=3, max_size=6)
"""Words that are no labels."""


def classify(orders, name):
    pending = [Order(number, [OrderItem(item) for item in items]) for number, items in orders]
    expected = expect_files(pending, PATTERN)
    assume(name not in expected.by_basename)
    return UnmatchedClassifier(PATTERN, expected, pending).classify(f"{name}.pdf", {})


BOUNDED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine may take long for an example."""


@BOUNDED
@given(
    orders=ORDERS,
    item=st.sampled_from(["1", "2", "3", "x", "17"]),
    separators=st.lists(SEPARATORS, min_size=3, max_size=3),
)
def test_a_suggestion_names_the_order_and_the_item_of_the_name(orders, item, separators):
    number = orders[0][0]
    outcome = classify(orders, f"{separators[0].strip('/')}{number}{separators[1]}{item}")
    assert outcome.status == "near_miss"
    assert outcome.suggestion in (None, f"{number}_{item}.pdf")


@BOUNDED
@given(
    orders=ORDERS,
    word=WORDS,
    at=st.integers(0, 2),
    separators=st.lists(SEPARATORS, min_size=2, max_size=2),
    data=st.data(),
)
def test_nothing_is_suggested_for_a_name_with_an_unknown_word(orders, word, at, separators, data):
    parts = [orders[0][0], data.draw(st.sampled_from(orders[0][1]))]
    parts.insert(at, word)
    outcome = classify(orders, f"{parts[0]}{separators[0]}{parts[1]}{separators[1]}{parts[2]}")
    assert (outcome.status, outcome.suggestion) == ("near_miss", None)


@BOUNDED
@given(orders=ORDERS, folder=WORDS, data=st.data())
def test_nothing_is_suggested_out_of_a_folder_with_an_unknown_word(orders, folder, data):
    number, items = orders[0]
    path = data.draw(st.sampled_from([folder, f"{number}/{folder}", f"{folder}/{number}", f"{number} {folder}"]))
    outcome = classify(orders, f"{path}/{number}_{data.draw(st.sampled_from(items))}")
    assert (outcome.status, outcome.suggestion) == ("near_miss", None)


@BOUNDED
@given(orders=ORDERS, name=st.text("0123456789Aax-_ ./#(){}l\u200b\u0661", min_size=1, max_size=30))
def test_any_name_is_classified_the_same_in_every_order_of_the_orders(orders, name):
    assume(not name.endswith(("/", ".")))
    assert classify(orders, name) == classify(orders[::-1], name)
