"""An item with two sides: every bad side is named in one scan, and a good side is never accused."""

from __future__ import annotations

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.errors import StorageMisbehaved
from remote_artwork.reports import Finding, Severity
from remote_artwork.testing import FakeShop
from shop_files import PDF, PNG

SIDES = ra.OrderItem("1", placements=("front", "back"))
PATTERN = "{order_number}_{order_item_number}[_{placement}]"
BROKEN = b"not a picture"


@pytest.fixture
def shop():
    return FakeShop([ra.Order("1001", [SIDES])])


@pytest.fixture
def scan(shop):
    """Run a scan of the shop. The files are written by the first one."""
    ledger = ra.MemoryLedger()
    fs = fsspec.filesystem("memory")
    fs.store.clear()

    def scan(files=None, *, method="scan", **options):
        for name, content in (files or {}).items():
            fs.pipe(f"/in/{name}", content)
        storage = ra.ArtworkStorage(fs, "/in")
        options = {"policy": ra.Policy(settle_for=None), **options}
        scanner = ra.Scanner(storage, shop, ledger=ledger, pattern=PATTERN, **options)
        return method(scanner) if callable(method) else getattr(scanner, method)()

    return scan


def item_of(report):
    [item] = report.items
    return item


def files_of(report, status):
    return {file.name for file in report.files if file.status == status}


@pytest.mark.parametrize("method", ["plan", "scan"])
def test_a_good_back_is_not_in_the_conflict_of_the_front(scan, method):
    files = {"1001_1_front.pdf": PDF, "1001_1_front.png": PNG, "1001_1_back.pdf": PDF}
    report = scan(files, method=method)
    item = item_of(report)
    assert (item.status, item.code) == ("conflict", "several_files")
    assert item.details["files"] == ["1001_1_front.pdf", "1001_1_front.png"]
    assert "back" not in item.reason
    assert files_of(report, "ambiguous") == {"1001_1_front.pdf", "1001_1_front.png"}


def test_two_ambiguous_sides_are_two_conflicts(scan):
    names = [f"1001_1_{side}.{extension}" for side in ("front", "back") for extension in ("pdf", "png")]
    report = scan({name: PDF if name.endswith("pdf") else PNG for name in names})
    item = item_of(report)
    assert [reason.details["files"] for reason in item.reasons] == [names[:2], names[2:]]
    assert files_of(report, "ambiguous") == set(names)


def test_an_ambiguous_front_and_a_missing_back_are_both_named(scan):
    item = item_of(scan({"1001_1_front.pdf": PDF, "1001_1_front.png": PNG}))
    assert item.status == "conflict"
    assert [reason.code for reason in item.reasons] == ["several_files", "waiting_for_files"]
    assert item.expected == ("1001_1_back",)
    assert "waits for 1001_1_back.<jpg|png|pdf>" in item.reason


def test_two_bad_sides_are_rejected_in_one_scan(scan):
    files = {"1001_1_front.png": BROKEN, "1001_1_back.pdf": b""}
    report = scan(files)
    item = item_of(report)
    assert (item.status, item.code) == ("rejected", "files_rejected")
    assert "1001_1_front.png: " in item.reason
    assert "1001_1_back.pdf: " in item.reason
    rejected = {file.name: file.reason for file in report.files if file.status == "rejected"}
    assert rejected.keys() == files.keys()
    assert all(name not in reason for reason in rejected.values() for name in files)
    again = item_of(scan())
    assert [reason.code for reason in again.reasons] == ["files_rejected", "checked_earlier"]


def test_of_a_bad_front_and_a_good_back_only_the_front_is_rejected(scan):
    report = scan({"1001_1_front.png": BROKEN, "1001_1_back.pdf": PDF})
    item = item_of(report)
    assert (item.code, item.details["file"]) == ("file_rejected", "1001_1_front.png")
    assert files_of(report, "rejected") == {"1001_1_front.png"}


def test_every_finding_that_rejects_a_file_is_named(scan):
    class Refuses:
        def check(self, _artwork, _item):
            return [
                Finding(code="own", severity=Severity.REJECT, message=message) for message in ("too dark", "too old")
            ]

    report = scan({"1001_1_front.pdf": PDF, "1001_1_back.pdf": PDF}, checks=[Refuses()])
    item = item_of(report)
    assert item.reason.count("too dark") == item.reason.count("too old") == 2
    for file in (file for file in report.files if file.status == "rejected"):
        assert (file.code, file.reason) == ("checks_rejected", "too dark; too old")


def test_both_sides_that_were_printed_for_another_order_are_named(scan, shop):
    both = {"1001_1_front.pdf": PDF, "1001_1_back.pdf": PDF}
    assert item_of(scan(both)).status == "fulfilled"
    shop.put(ra.Order("1001", [SIDES], id="another"))
    report = scan()
    item = item_of(report)
    assert [reason.details["file"] for reason in item.reasons] == ["1001_1_front.pdf", "1001_1_back.pdf"]
    assert {reason.code for reason in item.reasons} == {"printed_for_other_order"}
    assert files_of(report, "ambiguous") == set(both)


# --- Sides that are there while another one is missing, or ambiguous ---


def codes(item):
    return [reason.code for reason in item.reasons]


def test_a_bad_front_is_named_while_the_back_is_missing(scan, shop):
    report = scan({"1001_1_front.png": BROKEN})
    item = item_of(report)
    assert (item.status, codes(item)) == ("rejected", ["file_rejected", "waiting_for_files"])
    assert item.expected == ("1001_1_back",)
    assert [(file.name, file.status, file.notes) for file in report.files] == [("1001_1_front.png", "rejected", ())]
    again = scan()
    assert codes(item_of(again)) == ["file_rejected", "checked_earlier", "waiting_for_files"]
    assert [codes(file) for file in again.files] == [["check_rejected", "checked_earlier"]]
    report = scan({"1001_1_back.pdf": PDF})
    assert codes(item_of(report)) == ["file_rejected"]
    scan({"1001_1_front.png": PNG})
    assert len(shop.effects) == 1


def test_a_dry_run_that_verifies_names_it_too(scan):
    files = {"1001_1_front.png": BROKEN}
    assert item_of(scan(files, method="plan")).status == "missing"
    item = item_of(scan(method=lambda scanner: scanner.plan(verify=True)))
    assert (item.status, codes(item)) == ("rejected", ["file_rejected", "waiting_for_files"])


@pytest.mark.parametrize("method", ["scan", lambda scanner: scanner.plan(verify=True)], ids=["scan", "plan"])
def test_a_bad_back_is_named_beside_an_ambiguous_front(scan, method):
    files = {"1001_1_front.pdf": PDF, "1001_1_front.png": PNG, "1001_1_back.pdf": BROKEN}
    report = scan(files, method=method)
    item = item_of(report)
    assert (item.status, codes(item)) == ("conflict", ["several_files", "file_rejected"])
    assert files_of(report, "ambiguous") == {"1001_1_front.pdf", "1001_1_front.png"}
    assert files_of(report, "rejected") == {"1001_1_back.pdf"}


def test_a_good_front_is_read_once_while_the_back_is_missing(scan, shop):
    class Counts:
        reads = 0

        def check(self, _artwork, _item):
            Counts.reads += 1
            return []

    checks = [Counts()]
    for files in ({"1001_1_front.png": PNG}, {}, {}):
        assert codes(item_of(scan(files, checks=checks))) == ["waiting_for_files"]
    assert Counts.reads == 1
    assert item_of(scan({"1001_1_back.pdf": PDF}, checks=checks)).status == "fulfilled"
    assert len(shop.effects) == 1


def test_a_side_that_was_printed_for_another_order_is_a_conflict_while_the_other_is_missing(scan, shop):
    both = {"1001_1_front.pdf": PDF, "1001_1_back.pdf": PDF}
    assert item_of(scan(both)).status == "fulfilled"
    fsspec.filesystem("memory").rm("/in/1001_1_back.pdf")
    shop.put(ra.Order("1001", [SIDES], id="another"))
    item = item_of(scan())
    assert (item.status, codes(item)) == ("conflict", ["printed_for_other_order", "waiting_for_files"])


def test_a_side_that_is_still_uploading_waits(scan):
    item = item_of(scan({"1001_1_front.png": b""}, policy=ra.Policy()))
    assert (item.status, codes(item)) == ("missing", ["waiting_for_files"])


def test_a_side_that_cannot_be_read_leaves_the_item_missing(scan):
    class Breaks:
        def check(self, _artwork, _item):
            raise StorageMisbehaved("no answer")

    report = scan({"1001_1_front.png": PNG}, checks=[Breaks()])
    assert item_of(report).status == "missing"


def test_a_side_that_vanishes_during_its_check_leaves_the_item_missing(scan):
    class Deletes:
        def check(self, artwork, _item):
            fsspec.filesystem("memory").rm("/in/1001_1_front.png")
            artwork.read(0, 1)
            return []

    report = scan({"1001_1_front.png": PNG}, checks=[Deletes()])
    assert (item_of(report).status, report.faults) == ("missing", ())


def test_an_attached_item_keeps_its_record_when_a_side_is_deleted(scan, shop):
    shop.put(ra.Order("1001", [SIDES, ra.OrderItem("2")]))
    per_item = ra.Policy(fulfill="per_item", settle_for=None)
    scan({"1001_1_front.png": PNG, "1001_1_back.pdf": PDF}, policy=per_item)
    assert ("1001", "1") in shop.artwork
    fsspec.filesystem("memory").rm("/in/1001_1_back.pdf")
    fsspec.filesystem("memory").pipe("/in/1001_1_front.png", BROKEN)
    report = scan(policy=per_item)
    assert [item.status for item in report.items] == ["missing", "missing"]
