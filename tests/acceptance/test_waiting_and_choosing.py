"""What a policy decides of new, empty and several files, through the public API."""

import os
from datetime import UTC, datetime, timedelta

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import PDF, PNG, memory_folder, uploaded

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def scanner(storage, *, clock=None, items=None, **policy):
    shop = FakeShop([ra.Order("1", items or [ra.OrderItem("1")])])
    options = {"clock": clock} if clock else {}
    pattern = "{order_number}_{order_item_number}[_{placement}]"
    return ra.Scanner(
        storage, shop, ledger=ra.MemoryLedger(), policy=ra.Policy(**policy), pattern=pattern, **options
    ), shop


def local_file(folder, name, data, changed):
    (folder / name).write_bytes(data)
    os.utime(folder / name, (changed.timestamp(), changed.timestamp()))


def local(folder):
    return ra.ArtworkStorage(fsspec.filesystem("file"), str(folder))


def only(report):
    [item] = report.items
    return item


def test_a_file_that_is_being_written_waits_and_then_goes(tmp_path):
    local_file(tmp_path, "1_1.pdf", PDF[:500], NOON)
    times = [NOON + MINUTE / 2]
    scan, shop = scanner(local(tmp_path), clock=lambda: times[0], settle_for=MINUTE)

    waiting = scan.scan()
    assert only(waiting).status is ra.ItemStatus.SETTLING
    assert "it is checked when it is 1 minute old" in only(waiting).reason
    assert (waiting.requests["get"], waiting.exit_code) == (0, 0)

    local_file(tmp_path, "1_1.pdf", PDF, NOON)
    times[0] = NOON + 2 * MINUTE
    assert only(scan.scan()).status is ra.ItemStatus.FULFILLED
    assert list(shop.effects.values()) == [1]


def test_an_empty_file_waits_and_is_then_rejected(root):
    files, storage = memory_folder(root)
    files.pipe(f"{root}/1_1.pdf", b"")
    times = [datetime.now(UTC)]  # the file system in memory tells no other time
    scan, _ = scanner(storage, clock=lambda: times[0], settle_for=MINUTE)
    assert only(scan.scan()).status is ra.ItemStatus.SETTLING
    times[0] += 2 * MINUTE
    assert only(scan.scan()).status is ra.ItemStatus.REJECTED


@pytest.mark.parametrize(
    ("age", "status"),
    [(0, "settling"), (1.9, "settling"), (2, "fulfilled"), (-1.9, "settling"), (9_999_999, "fulfilled")],
)
def test_by_default_a_file_of_a_local_folder_waits_for_two_minutes(tmp_path, age, status):
    local_file(tmp_path, "1_1.pdf", PDF, NOON)
    scan, _ = scanner(local(tmp_path), clock=lambda: NOON + age * MINUTE)
    assert only(scan.scan()).status == status


@pytest.mark.parametrize(("data", "status"), [(PDF, "fulfilled"), (b"", "settling")])
def test_by_default_only_empty_files_of_an_object_storage_wait(root, data, status):
    files, storage = memory_folder(root)
    files.pipe(f"{root}/1_1.pdf", data)
    assert only(scanner(storage)[0].scan()).status == status


def test_where_nothing_is_to_wait_nothing_does(tmp_path, root):
    local_file(tmp_path, "1_1.pdf", PDF, datetime.now(UTC))
    assert only(scanner(local(tmp_path), settle_for=None)[0].scan()).status is ra.ItemStatus.FULFILLED
    files, storage = memory_folder(root)
    files.pipe(f"{root}/1_1.pdf", b"")
    assert only(scanner(storage, settle_for=None)[0].scan()).status is ra.ItemStatus.REJECTED


def test_a_whole_file_of_an_object_storage_does_not_wait(root):
    _, storage = memory_folder(root, "1_1.pdf")
    scan, _ = scanner(storage, settle_for=timedelta(days=1))
    assert only(scan.scan()).status is ra.ItemStatus.FULFILLED


def test_the_newest_of_several_files_is_printed_and_the_other_is_reported(tmp_path):
    local_file(tmp_path, "1_1.pdf", PDF, NOON)
    local_file(tmp_path, "1_1.png", PNG, NOON + MINUTE)
    scan, shop = scanner(local(tmp_path), several_files="newest")

    report = scan.scan()

    assert (only(report).status, only(report).files, only(report).superseded) == (
        ra.ItemStatus.FULFILLED, ("1_1.png",), ("1_1.pdf",),
    )  # fmt: skip
    assert [artwork.name for artwork in shop.artwork["1", "1"]] == ["1_1.png"]
    [file] = report.files
    assert (file.name, file.status) == ("1_1.pdf", ra.FileStatus.SUPERSEDED)
    assert file.reason == "not used because the policy prefers 1_1.png"
    assert report.exit_code == 0


def test_a_newer_file_takes_the_place_of_one_that_waits_for_its_siblings(tmp_path):
    local_file(tmp_path, "1_1.pdf", PDF, NOON)
    scan, shop = scanner(
        local(tmp_path), several_files="newest", fulfill="per_item", items=[ra.OrderItem("1"), ra.OrderItem("2")]
    )
    scan.scan()
    assert [artwork.name for artwork in shop.artwork["1", "1"]] == ["1_1.pdf"]
    local_file(tmp_path, "1_1.png", PNG, NOON + MINUTE)
    scan.scan()
    assert [artwork.name for artwork in shop.artwork["1", "1"]] == ["1_1.png"]


def test_a_preferred_format_is_printed_for_each_side(root):
    _, storage = memory_folder(root, "1_1_front.jpg", "1_1_front.pdf", "1_1_back.png", "1_1_back.jpg")
    sides = [ra.OrderItem("1", placements=("front", "back"))]
    scan, shop = scanner(storage, items=sides, several_files="prefer:pdf,png")
    assert only(scan.scan()).superseded == ("1_1_front.jpg", "1_1_back.jpg")
    assert [artwork.name for artwork in shop.artwork["1", "1"]] == ["1_1_front.pdf", "1_1_back.png"]


@pytest.mark.parametrize("policy", ["conflict", "newest", "prefer:pdf"])
def test_without_one_preferred_file_it_is_a_conflict(tmp_path, policy):
    local_file(tmp_path, "1_1.png", PNG, NOON)
    local_file(tmp_path, "1_1.jpg", PNG, NOON)
    scan, shop = scanner(local(tmp_path), several_files=policy)
    report = scan.scan()
    assert only(report).status is ra.ItemStatus.CONFLICT
    assert {file.status for file in report.files} == {ra.FileStatus.AMBIGUOUS}
    assert not shop.effects


def test_a_side_without_a_file_is_missing_however_many_the_other_has(root):
    _, storage = memory_folder(root, "1_1_front.jpg", "1_1_front.pdf")
    scan, _ = scanner(storage, items=[ra.OrderItem("1", placements=("front", "back"))], several_files="prefer:pdf")
    item = only(scan.scan())
    assert (item.status, item.expected) == (ra.ItemStatus.MISSING, ("1_1_back",))


def test_orders_that_are_not_pending_cost_no_request(root):
    _, storage = memory_folder(root, "1001_1.jpg")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan(orders=["another"])
    assert (report.items, report.requests) == ((), {"list": 0, "head": 0, "get": 0})


@pytest.mark.parametrize("kind", ["link", "link to nothing", "pipe"])
def test_a_file_that_is_a_link_or_no_plain_file_is_not_reported_as_missing(tmp_path, kind):
    folder = tmp_path / "in"
    folder.mkdir()
    if kind == "pipe":
        os.mkfifo(folder / "1001_1.pdf")
    else:
        (folder / "1001_1.pdf").symlink_to(tmp_path / "card.pdf")
    if kind == "link":
        uploaded(tmp_path / "card.pdf", PDF)
    uploaded(folder / "1002_1.pdf", PDF)
    storage = ra.open_storage(folder.as_uri(), network=ra.NetworkPolicy(allow_local=True))
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in ("1001", "1002", "1003")])
    items = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan().items
    assert [str(item.status) for item in items] == ["unreadable", "fulfilled", "missing"]
    assert "1001_1.pdf" in items[0].reason
    assert "replace it by the file itself" in items[0].reason
