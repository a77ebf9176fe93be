"""From created objects to merchants and order numbers, and when they are scanned."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import remote_artwork as ra
from remote_artwork.notifications import CreatedObject, HintQueue, MerchantLocation, Router, route

ACME = MerchantLocation(tenant="acme", location=ra.Location.parse("s3://prints/acme/"))
GLOBEX = MerchantLocation(tenant="globex", location=ra.Location.parse("s3://prints/globex/"))
WHOLE = MerchantLocation(tenant="whole", location=ra.Location.parse("s3://whole/"))
FOLDERS = MerchantLocation(
    tenant="folders",
    location=ra.Location.parse("s3://folders/in/"),
    pattern=ra.FilenamePattern("{order_number}/{order_item_number}"),
)
AZURE = MerchantLocation(tenant="azure", location=ra.Location.parse("https://acme.blob.core.windows.net/prints/in/"))
MINIO = [
    MerchantLocation(
        tenant=f"minio-{port}", location=ra.Location.parse(f"s3+https://m.example:{port}/prints/in/", "minio")
    )
    for port in (9000, 9001)
]
ROUTER = Router([ACME, GLOBEX, WHOLE, FOLDERS, AZURE, *MINIO])


def aws(bucket, key):
    return CreatedObject(provider="aws", bucket=bucket, key=key)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (aws("prints", "acme/1001_1.pdf"), {"acme": {"1001"}}),
        (aws("prints", "globex/1001_1.PNG"), {"globex": {"1001"}}),
        (aws("whole", "1001_1.jpg"), {"whole": {"1001"}}),
        (aws("folders", "in/1001/2.pdf"), {"folders": {"1001"}}),
        (CreatedObject(provider="azure", bucket="prints", key="in/7_1.pdf", account="acme"), {"azure": {"7"}}),
        (CreatedObject(provider="azure", bucket="prints", key="in/7_1.pdf", account="other"), {}),
        (
            CreatedObject(provider="minio", bucket="prints", key="in/7_1.pdf", endpoint="https://m.example:9001"),
            {"minio-9001": {"7"}},
        ),
        (
            CreatedObject(provider="minio", bucket="prints", key="in/7_1.pdf"),
            {"minio-9000": {"7"}, "minio-9001": {"7"}},
        ),
        (aws("whole", "Ü1_1.pdf"), {"whole": {"Ü1", "U\u03081"}}),
        (aws("whole", "U\u03081_1.pdf"), {"whole": {"Ü1", "U\u03081"}}),
        (aws("prints", "acme2/1001_1.pdf"), {}),
        (aws("prints", "1001_1.pdf"), {}),
        (aws("prints", "acme/readme.txt"), {}),
        (aws("prints", "acme/"), {}),
        (aws("prints", ""), {}),
        (aws("prints", "acme/logo.pdf"), {}),
        (aws("other", "acme/1001_1.pdf"), {}),
        (CreatedObject(provider="gcs", bucket="prints", key="acme/1001_1.pdf"), {}),
    ],
)
def test_bucket_and_folder_decide_the_merchant(created, expected):
    assert ROUTER.route([created]) == expected


def test_a_name_that_can_be_read_in_two_ways_is_routed_to_both_orders():
    assert route([aws("prints", "acme/10_01_1.pdf")], [ACME]) == {"acme": {"10", "10_01"}}


def test_a_pattern_may_be_text_as_in_a_scanner():
    folders = MerchantLocation(tenant="f", location=FOLDERS.location, pattern="{order_number}/{order_item_number}")
    assert folders.pattern == FOLDERS.pattern


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tenant": 7}, "MerchantLocation.tenant must be text, not int"),
        ({"location": "s3://prints/"}, r"MerchantLocation.location must be a Location, .*parse\(url\), not str"),
        ({"pattern": "{order}"}, "order"),
    ],
)
def test_a_location_of_another_type_is_refused(given, message):
    with pytest.raises(ra.ConfigurationError, match=message):
        MerchantLocation(**{"tenant": "acme", "location": ACME.location, **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"wait": 2}, "HintQueue.wait must be a timedelta of zero or more, not int"),
        ({"longest_wait": timedelta(-1)}, "HintQueue.longest_wait must be a timedelta of zero or more"),
        ({"interval": None}, "HintQueue.interval must be a timedelta of zero or more, not NoneType"),
        ({"max_numbers": 1e5}, "HintQueue.max_numbers must be a whole number from 1, not 100000.0"),
    ],
)
def test_a_queue_refuses_settings_of_another_type(given, message):
    with pytest.raises(ra.ConfigurationError, match=message):
        HintQueue(**given)


def test_the_files_of_one_notification_are_collected():
    created = [aws("prints", f"acme/{number}_1.pdf") for number in (1, 2, 1)] + [aws("whole", "9_1.pdf")]
    assert ROUTER.route(created) == {"acme": {"1", "2"}, "whole": {"9"}}


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_hints_are_handed_out_together_after_the_wait(clock):
    queue = HintQueue(clock=clock)
    assert queue.seconds_until_due() is None
    queue.add({"acme": {"1"}})
    clock.now = 1.5
    queue.add({"acme": {"2", "1"}, "globex": ["9"]})
    assert (queue.take(), queue.seconds_until_due()) == ({}, 2.0)
    clock.now = 3.5
    assert queue.take() == {"acme": {"1", "2"}, "globex": {"9"}}
    assert queue.take() == {}
    assert queue.dropped == 0


def test_hints_that_never_stop_are_handed_out_nevertheless(clock):
    queue = HintQueue(clock=clock)
    taken = []
    for second in range(25):
        clock.now = float(second)
        queue.add({"acme": {str(second)}})
        taken += [(second, numbers) for numbers in queue.take().values()]
    assert [second for second, _ in taken] == [10, 21]
    assert len(taken[0][1]) == 11


def test_a_merchant_is_handed_out_once_an_interval(clock):
    queue = HintQueue(interval=timedelta(minutes=1), clock=clock)
    taken = []
    for second in range(200):
        clock.now = float(second)
        if second % 7 == 0:
            queue.add({"acme": {str(second)}})
        if queue.take():
            taken.append(second)
    assert taken == [2, 62, 122, 182]


def test_the_queue_is_bounded(clock):
    queue = HintQueue(max_numbers=3, clock=clock)
    queue.add({"a": {"1", "2"}, "b": {"1", "2", "3"}, "c": {"1"}})
    queue.add({"a": {"1"}})
    clock.now = 60.0
    assert queue.take() == {"a": {"1"}, "b": {"1"}, "c": {"1"}}
    assert queue.dropped == 3
    queue.add({"c": {"1"}})
    clock.now = 120.0
    assert queue.take() == {"c": {"1"}}


def test_a_busy_merchant_displaces_only_its_own_newest_numbers(clock):
    queue = HintQueue(max_numbers=10, clock=clock)
    queue.add({"busy": {"0"}})
    queue.add({"busy": {str(number) for number in range(1, 10)}})
    queue.add({"busy": {"10", "11"}})
    assert queue.dropped == 2
    for tenant in ("b", "c"):
        queue.add({tenant: {"1", "2"}})
    clock.now = 60.0
    taken = queue.take()
    assert {tenant: len(numbers) for tenant, numbers in taken.items()} == {"busy": 6, "b": 2, "c": 2}
    assert taken["busy"] == {"0", "1", "2", "3", "4", "5"}
    assert queue.dropped == 6


def test_of_more_merchants_than_numbers_the_first_keep_one(clock):
    queue = HintQueue(max_numbers=2, clock=clock)
    for tenant in "abc":
        queue.add({tenant: {"1"}})
    clock.now = 60.0
    assert queue.take() == {"a": {"1"}, "b": {"1"}}
    assert (queue.dropped, queue.seconds_until_due()) == (1, None)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine takes long
@given(
    st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("123456789"))), max_size=12),
    st.integers(min_value=1, max_value=20),
)
def test_the_numbers_that_are_kept_are_bounded_and_shared_equally(added, most):
    clock = Clock()
    queue = HintQueue(max_numbers=most, clock=clock)
    offered = {}
    for routed in added:
        queue.add(routed)
        for tenant, numbers in routed.items():
            offered.setdefault(tenant, set()).update(numbers)
    clock.now = 60.0
    taken = queue.take()
    sizes = {tenant: len(taken.get(tenant, ())) for tenant in offered}
    assert sum(sizes.values()) <= most
    assert all(numbers <= offered[tenant] for tenant, numbers in taken.items())
    if not queue.dropped:
        assert {tenant: numbers for tenant, numbers in offered.items() if numbers} == taken
    cut = [sizes[tenant] for tenant in offered if sizes[tenant] < len(offered[tenant])]
    if cut and len(added) == 1:
        assert max(sizes.values()) - min(cut) <= 1
        assert sum(sizes.values()) == most
