"""The main job against real S3 servers over HTTP."""

import json
import uuid
from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.errors import InvalidLocation
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF, PNG

pytestmark = pytest.mark.server

HASTY = ra.NetworkPolicy(allow_private=True, allow_http=True, connect_timeout=1.0, read_timeout=1.0, call_timeout=3.0)


@pytest.fixture
def bucket(s3_server):
    return s3_server.create_bucket(f"prints-{uuid.uuid4().hex[:12]}", versioned=True)


def scanner(server, bucket, shop, local_network, **options):
    storage = ra.open_storage(server.url(bucket, "in"), credentials=server.keys, network=local_network)
    return ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), **options)


@pytest.mark.timeout(600)
def test_a_search_reports_misnamed_files_on_its_pages_and_a_sweep_all(s3_server, bucket, local_network):
    s3_server.put_many(bucket, [f"in/{number}_1.png" for number in range(10000, 11100)], PNG)
    s3_server.put(bucket, "in/20001-1.png", PNG)
    s3_server.put(bucket, "in/20001_1_v2.png", PNG)
    scan = scanner(s3_server, bucket, FakeShop([ra.Order("20001", [ra.OrderItem("1")])]), local_network)

    def near_misses(report):
        return [file.name for file in report.files if file.status == "near_miss"]

    search, sweep = scan.plan(), scan.plan(sweep=True)

    assert (search.coverage, search.strategy) == ("partial", ("skip-scan",))
    assert near_misses(search) == ["20001_1_v2.png"]
    assert [note.code for note in search.items[0].notes] == ["misnamed_file"]
    assert "a scan with sweep also finds files with other names" in str(scan.explain(order="20001"))
    assert sweep.coverage == "full"
    assert near_misses(sweep) == ["20001-1.png", "20001_1_v2.png"]


@pytest.mark.timeout(600)
def test_2500_objects_of_which_three_orders_wait(s3_server, bucket, local_network, tmp_path):
    s3_server.put_many(bucket, [f"in/{number}_1.png" for number in range(10000, 12497)], PNG)
    s3_server.put(bucket, "in/20001_1.jpg", JPEG)
    s3_server.put(bucket, "in/20001_2.PDF", PDF)
    s3_server.put(bucket, "in/20002_1.pdf", PDF[:400])
    orders = tmp_path / "orders.json"
    document = {
        "orders": [
            {"number": "20001", "status": "pending_approval", "items": [{"number": "1"}, {"number": "2"}]},
            {"number": "20002", "status": "pending_approval", "items": [{"number": "1"}]},
            {"number": "20003", "status": "pending_approval", "items": [{"number": "1"}]},
        ]
    }
    orders.write_text(json.dumps(document))
    scan = scanner(s3_server, bucket, ra.OrdersFile(orders), local_network)

    first = scan.scan()

    assert [item.status for item in first.items] == ["fulfilled", "fulfilled", "rejected", "missing"]
    # The first page of the folder proves the order. Its names are below the expected ones, so they do not count.
    # One request for each file that is sent looks beside it.
    assert (first.names_seen, first.requests["list"]) == (3, 2 + 2)
    assert (first.coverage, first.strategy) == ("partial", ("skip-scan",))
    assert {file.status for file in first.files} == {"rejected"}
    entry = json.loads(orders.read_text())["orders"][0]["items"][1]["artwork"][0]
    assert "X-Amz-Signature" in entry["url"]
    assert "versionId" in entry["url"]

    second = scan.scan()
    assert (second.requests["head"], second.requests["get"]) == (0, 0)
    assert second.exit_code == 1

    sweep = scan.plan(sweep=True)
    assert (sweep.names_seen, sweep.requests["list"]) == (2500, 3)
    assert (sweep.coverage, sweep.strategy) == ("full", ("listing",))
    assert sweep.file_counts["early"] == 2497
    assert len(sweep.files) == 1001  # a thousand early ones and the rejected one


def test_the_attached_url_downloads_the_very_version_that_was_checked(s3_server, bucket, local_network):
    from urllib.request import urlopen

    s3_server.put(bucket, "in/1001_1.jpg", JPEG)
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    scanner(s3_server, bucket, shop, local_network).scan()
    s3_server.put(bucket, "in/1001_1.jpg", JPEG + b"replaced later")

    (artwork,) = shop.artwork["1001", "1"]
    assert timedelta(hours=23) < artwork.expires_at - artwork.last_modified < timedelta(hours=25)
    with urlopen(artwork.url) as answer:
        assert answer.read() == JPEG


def test_a_private_bucket_with_checked_keys(rclone_server, local_network):
    bucket = rclone_server.create_bucket(f"prints-{uuid.uuid4().hex[:12]}")
    rclone_server.put(bucket, "in/1001_1.png", PNG)
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    assert scanner(rclone_server, bucket, shop, local_network).scan().items[0].status == "fulfilled"


def test_a_bucket_without_permission_is_unreadable_never_missing(rclone_server, local_network):
    bucket = rclone_server.create_bucket(f"prints-{uuid.uuid4().hex[:12]}")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    storage = ra.open_storage(
        rclone_server.url(bucket, "in"), credentials=ra.Keys("WRONGKEY", "wrong-secret"), network=local_network
    )
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()
    assert [item.status for item in report.items] == ["unreadable"]
    assert report.exit_code == 3
    assert "wrong-secret" not in report.to_json()


def test_a_wrong_region_fulfills_nothing_and_the_report_names_the_right_one(swift_server, local_network):
    """Its URLs would be signed for that region, and the shop could not download from them."""
    from urllib.request import urlopen

    bucket = swift_server.create_bucket(f"prints-{uuid.uuid4().hex[:12]}")
    swift_server.put(bucket, "in/1001_1.png", PNG)
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    ledger = ra.MemoryLedger()

    def scan(region):
        url = f"s3+{swift_server.endpoint}/{bucket}/in/?provider=zadara&region={region}"
        storage = ra.open_storage(url, credentials=swift_server.keys, network=local_network)
        return ra.Scanner(storage, shop, ledger=ledger).scan()

    with pytest.raises(InvalidLocation, match=r"add \?region=us-east-1 to the URL"):
        scan("US")
    assert "fulfill" not in {call.name for call in shop.journal}

    assert scan("us-east-1").items[0].status == "fulfilled"
    (artwork,) = shop.artwork["1001", "1"]
    with urlopen(artwork.url) as answer:
        assert answer.read() == PNG


def test_a_bucket_that_does_not_exist(rclone_server, local_network):
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    report = scanner(rclone_server, "nowhere", shop, local_network).scan()

    assert [(fault.part, fault.code) for fault in report.faults] == [("storage", "location_not_found")]
    assert "nowhere" in report.faults[0].message
    assert [(item.status, item.code, item.needs_person) for item in report.items] == [
        ("unreadable", "storage_not_read", False)
    ]
    assert report.exit_code == 2  # an operator must correct the URL


@pytest.mark.parametrize(
    "fault", ["500", "503", "hang", "reset", "cut short", "empty 200", "html 200", "truncated without token", "circle"]
)
def test_an_outage_is_never_read_as_missing(faulty_server, fault):
    faulty_server.answer(fault)
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")]), ra.Order("1002", [ra.OrderItem("1")])])
    storage = ra.open_storage(
        faulty_server.url(),
        credentials=ra.Keys("KEY", "secret"),
        network=HASTY,
        retry=ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None),
    )
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()

    assert [item.status for item in report.items] == ["unreadable", "unreadable"]
    assert report.exit_code == 3
    assert report.faults[0].part == "storage"
    assert len(faulty_server.requests) <= 2
    assert "fulfill" not in {call.name for call in shop.journal}


def test_an_outage_half_way_acts_on_nothing(faulty_server):
    """A second file for an item may be on the page that never came."""
    faulty_server.answer("circle", "503")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    storage = ra.open_storage(
        faulty_server.url(),
        credentials=ra.Keys("KEY", "secret"),
        network=HASTY,
        retry=ra.RetryPolicy(attempts=2, sleep=lambda _seconds: None),
    )
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()
    assert [item.status for item in report.items] == ["unreadable"]
